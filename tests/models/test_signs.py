"""Which encoders can give negative features."""

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers, ops

from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.networks import build_encoder
from atsc_keras.models.signs import is_never_negative
from tests.tiny import CLASSES, SHAPE, tiny_encoder


def ending_in(end: Callable[[Any], Any]) -> keras.Model:
    images = keras.Input(SHAPE)
    return keras.Model(images, end(layers.Conv2D(4, 3)(images)))


def nested(end: Callable[[Any], Any]) -> Callable[[Any], Any]:
    features = keras.Input((None, None, 4))
    return keras.Model(features, end(features))


@pytest.mark.parametrize(
    "end",
    [
        lambda x: layers.ReLU(6.0)(x),
        lambda x: layers.Activation("relu")(x),
        lambda x: layers.Conv2D(4, 1, activation="relu")(x),
        lambda x: ops.relu(x),
        lambda x: layers.GlobalAveragePooling2D()(layers.ReLU()(x)),
        lambda x: layers.Add()([layers.ReLU()(x), ops.relu6(x)]),
        lambda x: layers.ReLU()(x)[..., :2],
        lambda x: nested(layers.ReLU())(x),
        lambda x: nested(layers.Dropout(0.5))(layers.ReLU()(x)),
    ],
)
def test_rectified_ends_are_seen(end: Callable[[Any], Any]) -> None:
    assert is_never_negative(ending_in(end))


@pytest.mark.parametrize(
    "end",
    [
        lambda x: x,
        lambda x: layers.BatchNormalization()(layers.ReLU()(x)),
        lambda x: layers.LeakyReLU()(x),
        lambda x: layers.ReLU(negative_slope=0.1)(x),
        lambda x: layers.Activation("silu")(x),
        lambda x: layers.Add()([layers.ReLU()(x), x]),
        lambda x: nested(layers.Dropout(0.5))(x),
    ],
)
def test_other_ends_can_be_negative(end: Callable[[Any], Any]) -> None:
    assert not is_never_negative(ending_in(end))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet8", True),
        ("vgg8", True),
        ("ShuffleV1", True),
        ("ShuffleV2", True),
        ("MobileNetV2", False),
    ],
)
def test_networks_of_the_literature(name: str, expected: bool) -> None:
    assert is_never_negative(build_encoder(name, (32, 32, 3))) == expected


@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_projector_reaches_what_its_teacher_gives(activation: str) -> None:
    images = keras.Input(SHAPE)
    features = layers.Conv2D(4, 3, activation=activation)(images)
    teacher = ImageClassifier(
        keras.Model(images, features), layers.Dense(CLASSES)
    )
    student = DistilledStudent(tiny_encoder(4), [teacher])
    pixels = keras.random.uniform((4, *SHAPE), 0, 255)
    projected = student.features(pixels, training=True)[0]
    least = ops.convert_to_numpy(ops.stop_gradient(ops.min(projected)))
    assert (least < 0) == (activation == "linear")
