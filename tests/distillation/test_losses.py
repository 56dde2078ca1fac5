"""Each loss equals the reference and hand computation."""

import keras
import numpy as np
import pytest
from keras import ops

from atsc_keras.backend import value_and_grad
from atsc_keras.distillation.losses import (
    FeatureAlignment,
    l2sp,
    tempered_kl,
    weighted_mean,
)
from tests.reference import golden, under
from tests.tiny import tiny_atsc

UNITS = golden("units")


@pytest.mark.parametrize("temperature", [1, 2, 4])
def test_tempered_kl_and_its_gradient_equal_the_reference(
    temperature: int,
) -> None:
    trace = under(UNITS, f"kl/T{temperature}")
    student = keras.Variable(ops.cast(trace["y_s"], "float32"))

    def objective() -> tuple:
        terms = tempered_kl(trace["y_t"], student.value, float(temperature))
        return weighted_mean(terms), ()

    (loss, _), (gradient,) = value_and_grad(objective, [student], [])
    np.testing.assert_allclose(loss, trace["loss"], rtol=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(gradient), trace["d_y_s"], rtol=1e-4, atol=1e-6
    )


def test_feature_alignment_equals_the_reference() -> None:
    trace = under(UNITS, "mse")
    loss = FeatureAlignment().compute_loss(trace["a"], trace["b"])
    np.testing.assert_allclose(loss, trace["loss"], rtol=1e-5)


def test_feature_alignment_weighs_samples() -> None:
    teacher = np.zeros((2, 1, 1, 2), "float32")
    student = np.array([[[[1.0, 3.0]]], [[[2.0, 2.0]]]], "float32")
    # Means of squares: 5 and 4.
    weight = np.array([1.0, 0.5], "float32")
    loss = FeatureAlignment().compute_loss(teacher, student, weight)
    np.testing.assert_allclose(loss, (5.0 + 0.5 * 4.0) / 2)


@pytest.mark.parametrize("places", [(), (2, 2)])
def test_normalized_alignment_is_relative_to_what_the_teacher_says(
    places: tuple,
) -> None:
    random = np.random.default_rng(0)
    teacher = random.normal(size=(3, *places, 2)).astype("float32")
    teacher[..., 1] += 10.0  # what all images have in common says nothing
    student = random.normal(size=teacher.shape).astype("float32")
    alignment = FeatureAlignment(normalized=True)
    variance = teacher.reshape(-1, 2).var(axis=0).mean()
    loss = float(alignment.compute_loss(teacher, student))
    assert loss == pytest.approx(
        ((student - teacher) ** 2).mean() / variance, rel=1e-5
    )
    smaller = alignment.compute_loss(teacher / 8, student / 8)
    assert float(smaller) == pytest.approx(loss, rel=1e-5)
    # An image that does not count is not in the variance either.
    weight = np.array([1.0, 1.0, 0.0], "float32")
    weighted = float(alignment.compute_loss(teacher, student, weight))
    counting = float(alignment.compute_loss(teacher[:2], student[:2]))
    assert weighted == pytest.approx(counting * 2 / 3, rel=1e-5)


def test_normalized_alignment_does_not_shrink_the_teacher() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(4, 2, 2, 3)).astype("float32")
    student = random.normal(size=features.shape).astype("float32")
    scale = keras.Variable(1.0)
    pulls = {}
    for normalized in (False, True):
        alignment = FeatureAlignment(normalized=normalized)

        def objective(alignment: FeatureAlignment = alignment) -> tuple:
            maps = [ops.multiply(scale.value, x) for x in (features, student)]
            return alignment.compute_loss(*maps), ()

        _, (pull,) = value_and_grad(objective, [scale], [])
        pulls[normalized] = float(ops.convert_to_numpy(pull))
    assert pulls[False] > 1  # both maps smaller: a smaller loss
    assert pulls[True] == pytest.approx(0.0, abs=1e-5)


def test_normalized_alignment_of_equal_features_is_finite() -> None:
    equal = np.ones((2, 3), "float32")
    loss = FeatureAlignment(normalized=True).compute_loss(equal, equal)
    assert float(loss) == 0.0


def test_feature_alignment_works_inside_keras_distiller() -> None:
    layers = [keras.Input((4,)), keras.layers.Dense(3)]
    teacher = keras.Sequential(layers)
    student = keras.models.clone_model(teacher)
    distiller = keras.distillation.Distiller(
        teacher=teacher,
        student=student,
        distillation_losses=FeatureAlignment(),
        student_loss_weight=0.0,
    )
    distiller.compile(optimizer="sgd", loss="mse")
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    history = distiller.fit(x, np.zeros((8, 3)), verbose=0)
    expected = np.mean(
        (teacher.predict(x, verbose=0) - student.predict(x, verbose=0)) ** 2
    )
    assert history.history["loss"][0] >= expected  # it learned a little


def test_cross_entropy_and_its_gradient_equal_the_reference() -> None:
    trace = under(UNITS, "ce")
    atsc = tiny_atsc()
    atsc.compile(optimizer="sgd")
    logits = keras.Variable(ops.cast(trace["logits"], "float32"))

    def objective() -> tuple:
        return atsc.cross_entropy(trace["labels"], logits.value, None), ()

    (loss, _), (gradient,) = value_and_grad(objective, [logits], [])
    np.testing.assert_allclose(loss, trace["loss"], rtol=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(gradient), trace["d_logits"], rtol=1e-4, atol=1e-7
    )


def test_l2sp_is_a_plain_sum_of_squares() -> None:
    weights = [
        keras.Variable(np.array([[1.0, 2.0]], "float32")),
        keras.Variable(np.array([3.0], "float32")),
    ]
    start = [keras.Variable(np.zeros(w.shape, "float32")) for w in weights]
    assert float(ops.stop_gradient(l2sp(weights, start))) == 14.0
    assert float(l2sp([], [])) == 0.0


def test_weighted_mean_divides_by_the_batch() -> None:
    values = ops.convert_to_tensor([2.0, 4.0])
    assert float(weighted_mean(values)) == 3.0
    weight = np.array([[0.0], [1.0]])
    assert float(weighted_mean(values, weight)) == 2.0
