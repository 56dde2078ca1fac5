"""Every network sees the same pictures, or a word says that one does not."""

import warnings
from collections.abc import Callable

import keras
import pytest
from keras import layers

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.distillation.random_layers import random_layers
from atsc_keras.models.image_classifier import ImageClassifier
from tests.distillation.conftest import each_trainer
from tests.tiny import CLASSES, SHAPE, batch, sgd, tiny_encoder, tiny_teacher

pytestmark = pytest.mark.usefixtures("eager_steps")


def behind(*first: keras.layers.Layer) -> ImageClassifier:
    """A classifier that has these layers in front."""
    x = images = keras.Input(SHAPE)
    for layer in first:
        x = layer(x)
    encoder = keras.Model(images, tiny_encoder(4)(x))
    return ImageClassifier(encoder, layers.Dense(CLASSES))


FOUND = {
    "flip": lambda: layers.RandomFlip(),
    "rotation": lambda: layers.RandomRotation(0.1),
    "contrast": lambda: layers.RandomContrast(0.1),
    "erasing": lambda: layers.RandomErasing(),
    "augment": lambda: layers.RandAugment(),
    "noise": lambda: layers.GaussianNoise(1.0),
    "dropout": lambda: layers.Dropout(0.1),
    "pipeline": lambda: layers.Pipeline([layers.RandomFlip()]),
    "nested": lambda: keras.Sequential(
        [keras.Input(SHAPE), layers.RandomZoom(0.1)]
    ),
}


@pytest.mark.parametrize("make", FOUND.values(), ids=FOUND)
def test_layers_that_change_the_picture_are_found(make: Callable) -> None:
    assert len(list(random_layers(behind(make()).encoder))) == 1


def test_regularisation_further_in_is_none() -> None:
    x = images = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(x))
    x = layers.SpatialDropout2D(0.1)(layers.GaussianNoise(0.1)(x))
    encoder = keras.Model(images, layers.Dropout(0.1)(x))
    assert list(random_layers(encoder)) == []


def words_of(trainer: keras.Model) -> str:
    trainer.compile(optimizer=sgd(1e-6))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(*batch(), verbose=0)
    return " ".join(str(w.message) for w in caught)


@each_trainer
def test_student_with_its_own_picture_is_named(trainer: type) -> None:
    shaken = behind(layers.RandomFlip(name="shake"))
    words = words_of(trainer(tiny_teacher(), shaken))
    assert "student" in words and "shake (RandomFlip)" in words
    assert "as `augmentation`" in words


def test_teacher_with_its_own_picture_is_named_while_it_adapts() -> None:
    shaken = behind(layers.RandomFlip(name="shake"))
    augmentation = layers.RandomContrast(0.1)
    atsc = ATSC(shaken, tiny_encoder(4), augmentation=augmentation)
    words = words_of(atsc)
    assert "shake" in words and "Pipeline with what it has" in words
    shaken.trainable = False
    assert "shake" not in words_of(ATSC(shaken, tiny_encoder(4)))


def test_teacher_in_inference_mode_sees_the_picture_as_it_is() -> None:
    shaken = behind(layers.RandomFlip(name="shake"))
    trainer = KnowledgeDistillation(shaken, tiny_teacher(4))
    assert "shake" not in words_of(trainer)
