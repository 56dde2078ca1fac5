"""Each loss equals the reference and hand computation."""

import keras
import numpy as np
import pytest
from keras import ops

from atsc_keras.backend import value_and_grad
from atsc_keras.distillation.losses import FeatureAlignment
from atsc_keras.distillation.losses import l2sp
from atsc_keras.distillation.losses import tempered_kl
from atsc_keras.distillation.losses import weighted_mean
from tests.reference import golden
from tests.reference import under
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
