"""Each method computes what its paper says, number by number in numpy."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from atsc_keras.distillation.transfer_loss import Outputs, TransferLoss
from atsc_keras.methods.hints import Attention, Hint, VariationalInformation
from atsc_keras.methods.logits import DecoupledSoftTargets, SoftmaxRegression
from atsc_keras.methods.relations import Contrastive, SimilarityPreserving
from atsc_keras.methods.review import Review
from atsc_keras.methods.semantic import SemanticCalibration
from tests.tiny import CLASSES, tiny_teacher

IMAGES = 4
LABELS = np.array([0, 2, 2, 1])
TOLERANCE = {"rtol": 2e-5, "atol": 1e-6}
EPSILON = 1e-5  # of batch normalisation


def made(seed: int, sizes: list[int], channels: list[int]) -> Outputs:
    """Outputs of a network whose values mean nothing."""
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> Any:
        return random.normal(size=(IMAGES, *shape)).astype("float32")

    maps = [
        np.maximum(draw(side, side, width), 0)
        for side, width in zip(sizes, channels, strict=True)
    ]
    embedding = maps[-1].mean(axis=(1, 2))
    return Outputs(maps, embedding, draw(CLASSES))


TEACHER = made(0, [4, 2], [6, 8])
STUDENT = made(1, [8, 4, 2], [3, 4, 5])


def prepared(loss: TransferLoss) -> TransferLoss:
    symbolic = (
        Outputs(
            [keras.Input(x.shape[1:]) for x in outputs.maps],
            keras.Input(outputs.embedding.shape[1:]),
            keras.Input((CLASSES,)),
        )
        for outputs in (TEACHER, STUDENT)
    )
    loss.prepare(*symbolic, tiny_teacher(8))
    return loss


def computed(loss: TransferLoss) -> np.ndarray:
    tensors = (
        Outputs(
            [ops.convert_to_tensor(x) for x in outputs.maps],
            ops.convert_to_tensor(outputs.embedding),
            ops.convert_to_tensor(outputs.logits),
        )
        for outputs in (TEACHER, STUDENT)
    )
    labels = ops.convert_to_tensor(LABELS, "int32")
    value = loss.compute_loss(*tensors, labels)
    return np.array(ops.convert_to_numpy(ops.stop_gradient(value)))


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    return {
        f"{layer.name}/{weight.name}": np.array(
            ops.convert_to_numpy(weight.value)
        )
        for layer in model.layers
        for weight in layer.weights
    }


def pooled(x: np.ndarray, side: int) -> np.ndarray:
    count, height, _, channels = x.shape
    window = height // side
    shape = (count, side, window, side, window, channels)
    return x.reshape(shape).mean(axis=(2, 4))


def normalised(x: np.ndarray) -> np.ndarray:
    axes = tuple(range(x.ndim - 1))
    variance = x.var(axis=axes)
    return (x - x.mean(axis=axes)) / np.sqrt(variance + EPSILON)


def image_mean(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).mean(axis=1)


def softmax(x: np.ndarray) -> np.ndarray:
    power = np.exp(x - x.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


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


def similarities(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(IMAGES, -1)
    products = flat @ flat.T
    return products / np.linalg.norm(products, axis=1, keepdims=True)


def test_similarity_compares_all_pairs_of_images() -> None:
    difference = similarities(TEACHER.maps[-1]) - similarities(STUDENT.maps[-1])
    expected = (difference**2).sum() / IMAGES**2
    actual = computed(SimilarityPreserving()).mean()
    np.testing.assert_allclose(actual, expected, **TOLERANCE)


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


def embedded(sequential: keras.Sequential, x: np.ndarray) -> np.ndarray:
    for layer in sequential.layers:
        kernel, bias = layer.get_weights()
        x = x @ kernel + bias
        if layer.activation is keras.activations.relu:
            x = np.maximum(x, 0)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.maximum(length, 1e-6)


def test_contrast_tells_the_pair_from_other_classes() -> None:
    loss = prepared(Contrastive(3, temperature=0.5, memory=6, images=10))
    np.testing.assert_allclose(
        computed(loss), positives(loss, count=1), **TOLERANCE
    )
    t, s = own_embeddings(loss)
    expected = np.zeros(IMAGES)
    for i in range(IMAGES):
        others = [j for j in range(IMAGES) if LABELS[j] != LABELS[i]]
        share = len(others) / 10
        for anchor, bank in ((t, s), (s, t)):
            e = np.exp(t[i] @ s[i] / 0.5)
            expected[i] -= np.log(e / (e + share))
            for j in others:
                e = np.exp(anchor[i] @ bank[j] / 0.5)
                expected[i] -= np.log(1 - e / (e + share))
    np.testing.assert_allclose(computed(loss), expected, **TOLERANCE)


def own_embeddings(loss: Contrastive) -> tuple[np.ndarray, np.ndarray]:
    return (
        embedded(loss.embeddings[0], TEACHER.embedding),
        embedded(loss.embeddings[1], STUDENT.embedding),
    )


def positives(loss: Contrastive, count: int) -> np.ndarray:
    """The loss while the memory is empty."""
    t, s = own_embeddings(loss)
    e = np.exp((t * s).sum(axis=1) / 0.5)
    return -2 * np.log(e / (e + count / 10))


def test_memory_of_the_contrast_keeps_the_newest() -> None:
    loss = prepared(Contrastive(3, memory=6))
    for _ in range(2):
        computed(loss)
    classes = ops.convert_to_numpy(loss.queued_classes)
    assert classes.tolist() == [*(LABELS + 1), *(LABELS + 1)[:2]]
    queued = ops.convert_to_numpy(loss.queues[1])
    newest = own_embeddings(loss)[1]
    np.testing.assert_allclose(queued[:IMAGES], newest, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_size", [2, IMAGES, 6])
def test_semantic_calibration_weighs_all_pairs_of_maps(batch_size: int) -> None:
    loss = prepared(SemanticCalibration(batch_size))

    def rows(x: np.ndarray) -> np.ndarray:
        padded = np.pad(similarities(x), ((0, 0), (0, batch_size)))
        return padded[:, :batch_size]

    keys, queries = (
        np.stack([embedded(e, rows(x)) for e, x in zip(es, xs, strict=True)], 1)
        for es, xs in ((loss.keys, TEACHER.maps), (loss.queries, STUDENT.maps))
    )
    shares = softmax(np.einsum("bid,bjd->bij", queries, keys))
    expected = np.zeros(IMAGES)
    for i, s in enumerate(STUDENT.maps):
        for j, t in enumerate(TEACHER.maps):
            side = min(s.shape[1], t.shape[1])
            model = loss.regressors[i][j]
            source = ops.convert_to_tensor(pooled(s, side))
            regressed = ops.stop_gradient(model(source, training=True))
            regressed = np.array(ops.convert_to_numpy(regressed))
            gap = image_mean((regressed - pooled(t, side)) ** 2)
            expected += shares[:, i, j] * gap / len(STUDENT.maps)
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
