"""A student that is smaller and says the same."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.models.complexity import count_parameters
from atsc_keras.models.image_classifier import ImageClassifier
from tests.tiny import (
    CLASSES,
    SHAPE,
    batch,
    moved,
    sgd,
    tiny_encoder,
    tiny_teacher,
    values,
)

CHANNELS = 8


def linear_teacher(pooler: Any = None, vector: bool = False) -> ImageClassifier:
    """Its features can be negative, so its projector ends in no ReLU."""
    images = keras.Input(SHAPE)
    x = layers.Conv2D(CHANNELS, 3, strides=2)(images)
    if vector:
        x = layers.GlobalAveragePooling2D()(x)
    return ImageClassifier(
        keras.Model(images, x), layers.Dense(CLASSES), pooler
    )


def student_of(
    *teachers: ImageClassifier, projector: str = "bottleneck"
) -> DistilledStudent:
    """With weights and statistics that are all their own."""
    student = DistilledStudent(tiny_encoder(4), teachers, projector=projector)
    random = np.random.default_rng(0)
    for weight in student.weights:
        value = random.uniform(0.2, 1.0, weight.shape)
        sign = 1 if "variance" in weight.path else random.choice([-1, 1])
        weight.assign(sign * value)
    return student


def called(model: keras.Model) -> np.ndarray:
    images, _ = batch()
    return keras.ops.convert_to_numpy(model(images, training=False))


def through_dropout() -> keras.Model:
    maps = keras.Input((None, None, CHANNELS))
    x = layers.GlobalAveragePooling2D(keepdims=True)(maps)
    x = layers.Reshape((CHANNELS,))(layers.Dropout(0.5)(x))
    return keras.Model(maps, x)


@pytest.mark.parametrize("kind", ["map", "dropout", "vector"])
def test_linear_end_becomes_one_dense_of_the_same_logits(kind: str) -> None:
    pooler = through_dropout() if kind == "dropout" else None
    student = student_of(linear_teacher(pooler, vector=kind == "vector"))
    whole, folded = student.to_functional(), student.to_functional(folded=True)
    expected = called(whole)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(called(folded), expected, atol=1e-5 * largest)
    inner = CHANNELS // student.reduction
    saved = inner * CHANNELS + 2 * CHANNELS + CHANNELS * CLASSES
    saved -= inner * CLASSES
    assert count_parameters(whole) - count_parameters(folded) == saved
    # The student itself is as it was.
    np.testing.assert_array_equal(called(student.to_functional()), expected)


@pytest.mark.parametrize("vector", [False, True])
def test_linear_projector_ships_as_nothing(vector: bool) -> None:
    student = student_of(linear_teacher(vector=vector), projector="linear")
    folded = student.to_functional(folded=True)
    expected = called(student)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(called(folded), expected, atol=1e-5 * largest)
    alone = count_parameters(student.encoder)
    assert count_parameters(folded) == alone + 4 * CLASSES + CLASSES


def test_what_is_not_linear_stays_whole() -> None:
    for teacher in (
        tiny_teacher(),
        linear_teacher(layers.GlobalMaxPooling2D()),
    ):
        student = student_of(teacher)
        whole = student.to_functional()
        folded = student.to_functional(folded=True)
        np.testing.assert_array_equal(called(folded), called(whole))
        assert count_parameters(folded) == count_parameters(whole)


def test_each_teacher_is_folded_by_itself(tmp_path: Any) -> None:
    student = student_of(tiny_teacher(), linear_teacher(), linear_teacher())
    folded = student.to_functional(folded=True)
    expected = called(student)
    largest = np.abs(expected).max()
    folded.save(tmp_path / "s.keras")
    loaded = keras.models.load_model(tmp_path / "s.keras")
    np.testing.assert_allclose(called(loaded), expected, atol=1e-5 * largest)


@pytest.mark.parametrize("form", ["separable", "linear", "none"])
def test_training_by_each_form_is_saved(form: str, tmp_path: Any) -> None:
    encoder = tiny_encoder(8 if form == "none" else 4)
    atsc = ATSC(tiny_teacher(), encoder, projector=form)
    atsc.compile(sgd())
    before = values(atsc.student)
    atsc.train_on_batch(*batch())
    assert any(moved(before, atsc.student))
    atsc.save(tmp_path / "atsc.keras")
    loaded = keras.models.load_model(tmp_path / "atsc.keras")
    assert loaded.student.projector == form
    np.testing.assert_allclose(called(loaded), called(atsc), rtol=1e-5)
