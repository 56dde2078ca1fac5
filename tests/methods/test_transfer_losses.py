"""Each method computes what its paper says, number by number in numpy."""

import keras
import numpy as np
from keras import ops

from atsc_keras.methods.hints import Attention, Hint, VariationalInformation
from atsc_keras.methods.logits import DecoupledSoftTargets, SoftmaxRegression
from atsc_keras.methods.review import Review
from tests.methods.conftest import (
    IMAGES,
    LABELS,
    STUDENT,
    TEACHER,
    TOLERANCE,
    computed,
    image_mean,
    pooled,
    prepared,
    softmax,
)
from tests.tiny import tiny_teacher

EPSILON = 1e-5  # of batch normalisation


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    return {
        f"{layer.name}/{weight.name}": np.array(
            ops.convert_to_numpy(weight.value)
        )
        for layer in model.layers
        for weight in layer.weights
    }


def normalised(x: np.ndarray) -> np.ndarray:
    axes = tuple(range(x.ndim - 1))
    variance = x.var(axis=axes)
    return (x - x.mean(axis=axes)) / np.sqrt(variance + EPSILON)


def test_hint_is_the_difference_of_the_map_before_the_last() -> None:
    loss = prepared(Hint())
    kernel = weights(loss.regressor)["conv/kernel"][0, 0]
    regressed = np.maximum(normalised(STUDENT.maps[1] @ kernel), 0)
    expected = image_mean((regressed - TEACHER.maps[0]) ** 2)
    np.testing.assert_allclose(computed(loss), expected, **TOLERANCE)


def test_attention_compares_where_maps_are_active() -> None:
    def attention(x: np.ndarray) -> np.ndarray:
        flat = (x**2).mean(axis=-1).reshape(IMAGES, -1)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    expected = sum(
        image_mean((attention(t) - attention(s)) ** 2)
        for t, s in zip(TEACHER.maps, STUDENT.maps[1:], strict=True)
    )
    np.testing.assert_allclose(computed(Attention()), expected, **TOLERANCE)


def test_attention_of_a_dead_map_has_a_gradient() -> None:
    from atsc_keras.backend import value_and_grad
    from atsc_keras.methods.hints import attention_map

    dead = keras.Variable(np.zeros((2, 3, 3, 4), "float32"))

    def objective() -> tuple:
        total = ops.sum(attention_map(dead.value))
        return total, total

    _, (gradient,) = value_and_grad(objective, [dead], [])
    assert np.all(np.isfinite(ops.convert_to_numpy(gradient)))


def test_variational_information_is_a_gaussian_likelihood() -> None:
    loss = prepared(VariationalInformation())
    scales = [np.linspace(-1.0, 2.0, n).astype("float32") for n in (6, 8)]
    for scale, value in zip(loss.scales, scales, strict=True):
        np.testing.assert_allclose(  # the published start
            np.log1p(np.exp(ops.convert_to_numpy(scale))) + 1e-5, 5.0, rtol=1e-5
        )
        scale.assign(value)
    expected = np.zeros(IMAGES)
    for index, (t, s) in enumerate(
        zip(TEACHER.maps, STUDENT.maps[1:], strict=True)
    ):
        own = weights(loss.means[index])
        x = np.maximum(s @ own["conv1/kernel"][0, 0], 0)
        x = np.maximum(x @ own["conv2/kernel"][0, 0], 0)
        x = x @ own["conv3/kernel"][0, 0]
        variance = np.log1p(np.exp(scales[index])) + 1e-5
        expected += 0.5 * image_mean((x - t) ** 2 / variance + np.log(variance))
    np.testing.assert_allclose(computed(loss), expected, **TOLERANCE)


def test_decoupled_targets_are_two_divergences() -> None:
    loss = DecoupledSoftTargets(2.0, 3.0, temperature=4.0)
    expected = []
    for t, s, label in zip(TEACHER.logits, STUDENT.logits, LABELS, strict=True):
        p, q = softmax(t / 4), softmax(s / 4)
        target = p[label] * np.log(p[label] / q[label]) + (
            1 - p[label]
        ) * np.log((1 - p[label]) / (1 - q[label]))
        p, q = (np.delete(x, label) / np.delete(x, label).sum() for x in (p, q))
        expected.append(16 * (2 * target + 3 * (p * np.log(p / q)).sum()))
    np.testing.assert_allclose(computed(loss), expected, **TOLERANCE)


def test_decoupled_targets_with_equal_weights_are_not_kd() -> None:
    """KD weighs the second divergence by the teacher's doubt: equation 6."""
    doubt = 1 - softmax(TEACHER.logits / 4)[np.arange(IMAGES), LABELS]
    of_target = computed(DecoupledSoftTargets(1.0, 0.0))
    of_others = computed(DecoupledSoftTargets(0.0, 1.0))
    p, q = softmax(TEACHER.logits / 4), softmax(STUDENT.logits / 4)
    expected = 16 * (p * np.log(p / q)).sum(axis=1)
    np.testing.assert_allclose(
        of_target + doubt * of_others, expected, **TOLERANCE
    )


def test_softmax_regression_asks_the_teachers_classifier() -> None:
    loss = SoftmaxRegression()
    teacher = tiny_teacher(8)
    loss.prepare(TEACHER, STUDENT, teacher)
    kernel = np.array(ops.convert_to_numpy(loss.connector.layers[0].kernel))
    connected = np.maximum(normalised(STUDENT.embedding @ kernel), 0)
    dense = teacher.classifier.get_weights()
    logits = connected @ dense[0] + dense[1]
    expected = image_mean((connected - TEACHER.embedding) ** 2)
    expected += image_mean((logits - TEACHER.logits) ** 2)
    np.testing.assert_allclose(computed(loss), expected, **TOLERANCE)


def test_hierarchical_context_weighs_four_sizes() -> None:
    from atsc_keras.methods.review import hierarchical_context

    first, second = STUDENT.maps[0], STUDENT.maps[0][::-1]
    expected = image_mean((first - second) ** 2)
    for share, side in ((1 / 2, 4), (1 / 4, 2), (1 / 8, 1)):
        gap = (pooled(first, side) - pooled(second, side)) ** 2
        expected += share * image_mean(gap)
    actual = hierarchical_context(
        ops.convert_to_tensor(first), ops.convert_to_tensor(second.copy())
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(actual), expected / 1.875, **TOLERANCE
    )


def test_review_fuses_from_deep_to_shallow() -> None:
    loss = prepared(Review())
    deep = [x.embedding[:, None, None] for x in (TEACHER, STUDENT)]
    pairs = [deep, *zip(TEACHER.maps[::-1], STUDENT.maps[:0:-1], strict=True)]
    expected = np.zeros(IMAGES)
    deeper = None
    for index, (t, s) in enumerate(pairs):
        x = normalised(s @ weights(loss.entries[index])["conv/kernel"][0, 0])
        if deeper is not None:
            factor = x.shape[1] // deeper.shape[1]
            deeper = deeper.repeat(factor, axis=1).repeat(factor, axis=2)
            kernel, bias = loss.attentions[index].get_weights()
            both = np.concatenate([x, deeper], axis=-1)
            shares = 1 / (1 + np.exp(-(both @ kernel[0, 0] + bias)))
            x = x * shares[..., :1] + deeper * shares[..., 1:]
        deeper = x
        left = loss.exits[index](ops.convert_to_tensor(x), training=True)
        left = np.array(ops.convert_to_numpy(ops.stop_gradient(left)))
        total, gap = 1.0, image_mean((left - t) ** 2)
        smaller = [side for side in (4, 2, 1) if side < t.shape[1]]
        for halvings, side in enumerate(smaller, start=1):
            share = 0.5**halvings
            total += share
            gap += share * image_mean(
                (pooled(left, side) - pooled(t, side)) ** 2
            )
        expected += gap / total
    np.testing.assert_allclose(computed(loss), expected, **TOLERANCE)
