"""Who is moved by what."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.models.image_classifier import ImageClassifier
from tests.tiny import (
    CLASSES,
    PUBLISHED,
    SHAPE,
    RecordingSGD,
    batch,
    moved,
    sgd,
    tiny_atsc,
    tiny_encoder,
    tiny_teacher,
    values,
)


def gradients(atsc: ATSC, variables: list, **weights: Any) -> list[Any]:
    """Gradients of one step, None where there is none."""
    recorder = RecordingSGD(0.0)
    atsc.compile(recorder, teacher_rate=1.0, run_eagerly=True)
    atsc.train_on_batch(*batch(), **weights)
    return [recorder.recorded[0][id(variable)] for variable in variables]


def copies(*atscs: ATSC) -> None:
    """Give all of them the first one's weights."""
    for atsc in atscs[1:]:
        atsc.set_weights(atscs[0].get_weights())


def test_classifier_gets_no_gradient_of_the_alignment_loss() -> None:
    once, heavy = tiny_atsc(), tiny_atsc(feature_loss_weight=100.0)
    copies(once, heavy)
    variables = [a.teacher.classifier.variables for a in (once, heavy)]
    for first, second in zip(
        gradients(once, variables[0]),
        gradients(heavy, variables[1]),
        strict=True,
    ):
        assert np.abs(first).max() > 0
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-7)


def test_encoders_get_no_gradient_of_the_classification() -> None:
    atsc = tiny_atsc(**{**PUBLISHED, "feature_loss_weight": 0.0})
    encoders = [
        *atsc.teacher.encoder.trainable_variables,
        *atsc.student.encoder.trainable_variables,
        *atsc.student.projectors[0].trainable_variables,
    ]
    for gradient in gradients(atsc, encoders):
        assert gradient is None or np.abs(gradient).max() == 0


def test_one_step_moves_every_network() -> None:
    atsc = tiny_atsc()
    atsc.compile(optimizer=sgd())
    parts = [
        atsc.teacher.encoder,
        atsc.teacher.classifier,
        atsc.student.encoder,
        atsc.student.projectors[0],
    ]
    before = [values(part) for part in parts]
    atsc.train_on_batch(*batch())
    for old, part in zip(before, parts, strict=True):
        assert all(moved(old, part))


class CountedConv(keras.layers.Conv2D):
    """A convolution that notes each of its calls."""

    calls: list[str] = []

    def call(self, inputs: Any) -> Any:
        self.calls.append(self.name)
        return super().call(inputs)


def counted(name: str, channels: int) -> keras.Model:
    images = keras.Input(SHAPE)
    return keras.Model(images, CountedConv(channels, 3, name=name)(images))


def test_each_network_runs_once_a_step() -> None:
    teacher = ImageClassifier(counted("teacher", 6), layers.Dense(CLASSES))
    settings = {"student_loss_weight": 1.0, "logits_loss_weight": 1.0}
    atsc = ATSC(teacher, counted("student", 4), **settings)
    atsc.compile(optimizer=sgd(), metrics=["accuracy"], run_eagerly=True)
    atsc.train_on_batch(*batch())  # builds what is built on first use
    CountedConv.calls.clear()
    atsc.train_on_batch(*batch())
    assert sorted(CountedConv.calls) == ["student", "teacher"]


def test_frozen_teacher_drops_nothing_out() -> None:
    teacher = ImageClassifier(
        tiny_encoder(8),
        layers.Dense(CLASSES),
        keras.Sequential(
            [layers.GlobalAveragePooling2D(), layers.Dropout(0.5)]
        ),
    )
    teacher.trainable = False
    atsc = ATSC(teacher, tiny_encoder(4), logits_loss_weight=1.0)
    atsc.compile(optimizer=sgd())
    images, labels = batch()
    logs = atsc.train_on_batch(images, labels, return_dict=True)
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
        labels, teacher(images, training=False)
    )
    np.testing.assert_allclose(
        logs["teacher_loss"],
        ops.convert_to_numpy(ops.stop_gradient(expected)),
        rtol=1e-5,
    )


def weighted_pooler(channels: int) -> keras.Model:
    features = keras.Input((None, None, channels))
    x = layers.Conv2D(6, 1)(features)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(features, x, name="pooler")


def teacher_with_weighted_pooler() -> ImageClassifier:
    pooler = weighted_pooler(8)
    return ImageClassifier(tiny_encoder(8), layers.Dense(CLASSES), pooler)


def vector_encoder() -> keras.Model:
    encoder = tiny_encoder(4)
    vector = layers.GlobalAveragePooling2D()(encoder.output)
    vector = layers.Dense(4, activation="relu")(vector)
    return keras.Model(encoder.input, vector)


@pytest.mark.parametrize("features", ["map", "vector"])
def test_pooler_learns_with_the_classifier_only(features: str) -> None:
    encoder = tiny_encoder(4) if features == "map" else vector_encoder()
    light, heavy = (
        ATSC(
            teacher_with_weighted_pooler(),
            encoder,
            feature_loss_weight=weight,
            student_loss_weight=weight,
        )
        for weight in (0.0, 100.0)
    )
    copies(light, heavy)
    for first, second in zip(
        gradients(light, light.teacher.pooler.trainable_variables),
        gradients(heavy, heavy.teacher.pooler.trainable_variables),
        strict=True,
    ):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-7)


def test_pooler_moves_with_the_optimizer_of_the_classifier() -> None:
    atsc = ATSC(teacher_with_weighted_pooler(), tiny_encoder(4))
    atsc.compile(optimizer=sgd(), classifier_optimizer=sgd(0.0))
    kernel = atsc.teacher.pooler.trainable_variables[0]
    before = np.array(ops.convert_to_numpy(kernel))
    atsc.train_on_batch(*batch())
    np.testing.assert_array_equal(before, ops.convert_to_numpy(kernel))
    atsc.compile(optimizer=sgd(0.0), classifier_optimizer=sgd())
    atsc.train_on_batch(*batch())
    assert np.any(before != ops.convert_to_numpy(kernel))


def test_starting_point_is_a_copy_that_stays() -> None:
    atsc = tiny_atsc(l2sp_weight=0.0)
    atsc.compile(optimizer=sgd())
    start = [np.array(ops.convert_to_numpy(v)) for v in atsc.starting_point]
    np.testing.assert_array_equal(start[0], values(atsc.teacher.encoder)[0])
    logs = [atsc.train_on_batch(*batch(), return_dict=True) for _ in range(3)]
    for old, now in zip(start, atsc.starting_point, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(now))
    assert logs[0]["l2sp_loss"] == 0
    assert logs[2]["l2sp_loss"] > 0


def test_reset_starting_point_takes_loaded_weights() -> None:
    atsc = tiny_atsc()
    atsc.teacher.set_weights(tiny_teacher().get_weights())
    atsc.reset_starting_point()
    atsc.compile(optimizer=sgd())
    logs = atsc.train_on_batch(*batch(), return_dict=True)
    assert logs["l2sp_loss"] == 0


def test_student_has_no_head_of_its_own() -> None:
    teacher = tiny_teacher()
    atsc = ATSC(teacher, tiny_teacher(4))
    assert atsc.teacher is teacher
    kernels = [w for w in atsc.student.weights if w.shape[-1] == 4]
    dense = [w for w in kernels if len(w.shape) == 2]
    assert [id(w) for w in dense] == [id(teacher.classifier.kernel)]


def test_evaluate_moves_nothing() -> None:
    atsc = tiny_atsc()
    atsc.compile(optimizer=sgd())
    before = values(atsc)
    atsc.evaluate(*batch(), verbose=0)
    assert not any(moved(before, atsc))


def test_frozen_layers_do_not_move_and_run_in_inference_mode() -> None:
    atsc = tiny_atsc()
    weighted = [x for x in atsc.teacher.encoder.layers if x.weights]
    frozen, adapting = weighted[:2], weighted[2:]  # convolution and norm
    for layer in frozen:
        layer.trainable = False
    atsc.compile(optimizer=sgd())
    before = [values(layer) for layer in weighted]
    atsc.train_on_batch(*batch())
    after = [
        moved(old, layer) for old, layer in zip(before, weighted, strict=True)
    ]
    assert not any(after[0] + after[1])  # moving statistics included
    assert len(adapting) == 2
    assert all(after[2] + after[3])


def test_frozen_weights_are_outside_l2sp() -> None:
    atsc = tiny_atsc()
    kernel = atsc.teacher.encoder.layers[2]
    kernel.trainable = False
    atsc.starting_point[0].assign(ops.ones_like(atsc.starting_point[0].value))
    atsc.compile(optimizer=sgd())
    logs = atsc.train_on_batch(*batch(), return_dict=True)
    assert logs["l2sp_loss"] == 0


@pytest.mark.parametrize(
    ("scope", "names"),
    [("kernels", {"kernel"}), ("all", {"kernel", "gamma", "beta"})],
)
def test_l2sp_scope_names_the_weights_that_it_holds(
    scope: str, names: set[str]
) -> None:
    atsc = tiny_atsc(l2sp_scope=scope, feature_loss_weight=0.0)
    for start in atsc.starting_point:
        start.assign(start + 0.5)
    encoder = atsc.teacher.encoder.trainable_variables
    pulled = {
        variable.name
        for variable, gradient in zip(
            encoder, gradients(atsc, encoder), strict=True
        )
        if np.abs(gradient).max() > 0.9  # 2 * 0.5
    }
    assert pulled == names
