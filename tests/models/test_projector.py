"""The projector and its pooling compute what the reference computes."""

import keras
import numpy as np
import pytest
from keras import ops

from atsc_keras.backend import value_and_grad
from atsc_keras.distillation.losses import FeatureAlignment
from atsc_keras.errors import InputError
from atsc_keras.models.complexity import count_parameters
from atsc_keras.models.projector import (
    average_pool,
    build_projector,
    count_projector_parameters,
)
from tests.reference import golden, load, under, variables

# float32 against the reference's float64.
TOLERANCE = {"rtol": 1e-5, "atol": 2e-6}
UNITS = golden("units")


def test_projector_has_the_published_size() -> None:
    projector = build_projector((8, 8, 256), (8, 8, 256))
    assert projector.count_params() - 2 * (128 + 128 + 256) == 214_016


@pytest.mark.parametrize(
    "sizes",
    sorted({k.split("/")[1] for k in UNITS if k.startswith("adaptive")}),
)
def test_average_pool_equals_adaptive_pooling(sizes: str) -> None:
    trace = under(UNITS, f"adaptive_avg_pool/{sizes}")
    x, weight = (ops.cast(trace[key], "float32") for key in ("x", "ct"))
    size = trace["y"].shape[1:3]
    variable = keras.Variable(x)

    def objective() -> tuple:
        pooled = average_pool(variable.value * 1.0, size)
        return ops.sum(pooled * weight), pooled

    (_, pooled), (gradient,) = value_and_grad(objective, [variable], [])
    pooled, gradient = map(ops.convert_to_numpy, (pooled, gradient))
    np.testing.assert_allclose(pooled, trace["y"], **TOLERANCE)
    np.testing.assert_allclose(gradient, trace["dx"], **TOLERANCE)


@pytest.mark.parametrize("sizes", ["s8_t4", "s4_t8", "s8_t8"])
def test_projector_and_alignment_equal_the_reference(sizes: str) -> None:
    trace = under(UNITS, f"projector/{sizes}")
    student, teacher = (
        keras.Variable(ops.cast(trace[key], "float32"))
        for key in ("f_s", "f_t")
    )
    projector = build_projector(student.shape[1:], teacher.shape[1:])
    initial = under(trace, "init")
    load(
        variables(projector),
        {k: v for k, v in initial.items() if not k.startswith("classifier")},
    )

    def objective() -> tuple:
        projected = projector(student.value, training=True)
        loss = FeatureAlignment().compute_loss(teacher.value, projected)
        return loss, projected

    weights = projector.trainable_variables
    (loss, projected), gradients = value_and_grad(
        objective,
        [student, teacher, *weights],
        projector.non_trainable_variables,
    )
    np.testing.assert_allclose(loss, trace["mse"], rtol=1e-5)
    projected = ops.convert_to_numpy(projected)
    np.testing.assert_allclose(projected, trace["f_s_proj"], **TOLERANCE)
    expected = [trace["d_f_s"], trace["d_f_t"]]
    names = {id(v): name for name, v in variables(projector).items()}
    expected += [trace[f"grad/{names[id(weight)]}"] for weight in weights]
    for actual, value in zip(gradients, expected, strict=True):
        actual = ops.convert_to_numpy(actual)
        np.testing.assert_allclose(
            actual, value, rtol=0, atol=1e-4 * max(np.abs(value).max(), 1e-3)
        )


@pytest.mark.parametrize("sizes", ["s8_t4", "s4_t8", "s8_t8"])
def test_projector_infers_as_the_reference(sizes: str) -> None:
    trace = under(UNITS, f"projector/{sizes}")
    projector = build_projector(trace["f_s"].shape[1:], trace["f_t"].shape[1:])
    initial = {**under(trace, "init"), **under(trace, "after")}
    head = [initial.pop(f"classifier/{name}") for name in ("kernel", "bias")]
    load(variables(projector), initial)
    projected = projector.predict(trace["f_s"], verbose=0)
    np.testing.assert_allclose(projected, trace["eval_f_s_proj"], **TOLERANCE)
    logits = projected.mean(axis=(1, 2)) @ head[0] + head[1]
    np.testing.assert_allclose(logits, trace["eval_logits"], **TOLERANCE)


def test_student_map_under_vector_teacher_is_pooled() -> None:
    projector = build_projector((4, 4, 6), (8,))
    assert projector.output_shape == (None, 8)
    assert projector.input_shape == (None, 4, 4, 6)


def test_vectors_get_a_dense_bottleneck() -> None:
    projector = build_projector((6,), (8,), reduction=4)
    shapes = [tuple(w.shape) for w in projector.trainable_weights]
    kernels = [shape for shape in shapes if len(shape) == 2]
    assert kernels == [(6, 2), (2, 2), (2, 8)]


def test_each_axis_is_pooled_on_its_own() -> None:
    projector = build_projector((4, 2, 6), (2, 4, 8))
    assert projector.output_shape == (None, 2, 2, 8)


def test_channels_that_reduction_does_not_divide_are_rounded_up() -> None:
    projector = build_projector((4, 4, 6), (4, 4, 7), reduction=2)
    kernels = [tuple(w.shape) for w in projector.weights if len(w.shape) == 4]
    assert kernels == [(1, 1, 6, 4), (3, 3, 4, 4), (1, 1, 4, 7)]


@pytest.mark.parametrize("reduction", [0, 9])
def test_reduction_beyond_the_channels_is_refused(reduction: int) -> None:
    with pytest.raises(
        InputError, match=f"reduction={reduction}, channels=8. Use 2"
    ):
        build_projector((4, 4, 6), (4, 4, 8), reduction=reduction)


def test_unknown_size_is_refused() -> None:
    with pytest.raises(InputError, match="student's features must be a map"):
        build_projector((None, None, 6), (4, 4, 8))


SHAPES = [((8, 8, 6), (4, 4, 8)), ((6,), (8,)), ((4, 4, 6), (8,))]
# Channels 6 -> inner 4 -> 8, as the layers' kernels need them.
WEIGHTS = {
    "bottleneck": (6 * 4 + 9 * 4 * 4 + 4 * 8, 6 * 4 + 4 * 4 + 4 * 8),
    "separable": (6 * 4 + 9 * 4 + 4 * 8, 6 * 4 + 4 * 8),
    "linear": (6 * 8, 6 * 8),
}


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("form", WEIGHTS)
def test_forms_give_the_teachers_shape(form: str, shapes: tuple) -> None:
    student, teacher = shapes
    projector = build_projector(student, teacher, form=form)
    assert projector.output_shape[1:] == teacher
    kernels = sum(
        int(np.prod(weight.shape))
        for weight in projector.trainable_weights
        if len(weight.shape) > 1
    )
    assert kernels == WEIGHTS[form][len(teacher) == 1]
    features = np.random.default_rng(0).normal(size=(4, *student))
    ends = projector(features.astype("float32"), training=True)
    assert (ops.convert_to_numpy(ends).min() < 0) == (form == "linear")


@pytest.mark.parametrize("shapes", [((4, 4, 8), (2, 2, 8)), ((8,), (8,))])
def test_no_projector_passes_features_on(shapes: tuple) -> None:
    student, teacher = shapes
    projector = build_projector(student, teacher, form="none")
    assert projector.count_params() == 0
    features = np.random.default_rng(0).normal(size=(3, *student))
    passed = projector.predict(features.astype("float32"), verbose=0)
    if len(student) == 3:
        features = features.reshape(3, 2, 2, 2, 2, 8).mean(axis=(2, 4))
    np.testing.assert_allclose(passed, features, rtol=1e-5, atol=1e-6)


def test_forms_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="'none'.* 6.* 8.*'linear'"):
        build_projector((4, 4, 6), (4, 4, 8), form="none")
    with pytest.raises(InputError, match="bottleneck, .*form"):
        build_projector((4, 4, 6), (4, 4, 8), form="form")


@pytest.mark.parametrize("shapes", [*SHAPES, ((2, 2, 8), (3, 3, 8))])
@pytest.mark.parametrize("form", ["bottleneck", "separable", "linear", "none"])
def test_parameters_are_counted_as_they_are_built(
    form: str, shapes: tuple
) -> None:
    student, teacher = shapes
    if form == "none":
        student = (*student[:-1], teacher[-1])
    for reduction in (1, 2, 3, 8):
        inner = -(-8 // reduction)
        counted = count_projector_parameters(student, teacher, inner, form)
        built = build_projector(student, teacher, reduction, form=form)
        assert counted == count_parameters(built)
        assert counted == sum(
            int(np.prod(w.shape)) for w in built.trainable_weights
        )


def test_parameters_are_those_counted_by_hand() -> None:
    shapes = ((8, 8, 6), (4, 4, 8))
    # Kernels, then scale and offset of each normalisation.
    count = 6 * 3 + 9 * 3 * 3 + 3 * 8 + 2 * (3 + 3 + 8)
    assert count_projector_parameters(*shapes, 3) == count == 151
    count = 6 * 3 + 9 * 3 + 3 * 8 + 2 * (3 + 3 + 8)
    assert count_projector_parameters(*shapes, 3, "separable") == count
    assert count_projector_parameters((6,), (8,), 3, "separable") == (
        6 * 3 + 3 * 8 + 2 * (3 + 8)
    )
    assert count_projector_parameters(*shapes, 3, "linear") == 6 * 8 + 2 * 8
    with pytest.raises(InputError, match="'none'.* 6.* 8.*'linear'"):
        count_projector_parameters(*shapes, 3, "none")
    with pytest.raises(InputError, match="known size"):
        count_projector_parameters((None, None, 6), (8,), 3)
