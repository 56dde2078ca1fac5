"""What somebody has before a first attempt: pictures, teacher, student."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from atsc_keras.config import DataConfig
from atsc_keras.data import load_dataset
from atsc_keras.models.networks import build_classifier

EPOCHS = (5, 15)
TEST_IMAGES = 2000


@dataclass(frozen=True)
class Situation:
    """What somebody has before the first attempt.

    Attributes:
        name: of the situation.
        data: of which pictures, `classes` among its keys.
        train_images: how many of them, at most.
        teacher: its network, trained or not; `None` with `file`.
        student: image shape and classes -> its network.
        needs: what the command must be given.
        epochs: to try.
        teacher_epochs: to train a teacher for; 0 if it is trained.
        teacher_images: to train it on, at most; default: the same.
    """

    name: str
    data: Callable[[argparse.Namespace], dict[str, Any]]
    train_images: int
    teacher: Callable[[argparse.Namespace, tuple, int], keras.Model]
    student: Callable[[tuple, int], keras.Model]
    needs: tuple[str, ...] = ()
    epochs: tuple[int, ...] = EPOCHS
    teacher_epochs: int = 0
    teacher_images: int | None = None


# === Networks, as their users write them ===


def cnn(*widths: int) -> Callable[[tuple, int], keras.Model]:
    """Convolutions of some widths; between two of them the map is halved."""

    def build(shape: tuple, classes: int) -> keras.Model:
        model = keras.Sequential(
            [keras.Input(shape), layers.Rescaling(1 / 255)]
        )
        for index, width in enumerate(widths):
            strides = 2 if index else 1
            model.add(layers.Conv2D(width, 3, strides, "same", use_bias=False))
            model.add(layers.BatchNormalization())
            model.add(layers.ReLU())
        model.add(layers.GlobalAveragePooling2D())
        model.add(layers.Dense(classes, activation="softmax"))
        return model

    return build


def residual(*widths: int) -> Callable[[Any, tuple, int], keras.Model]:
    """A functional model of two residual blocks a width."""

    def build(given: Any, shape: tuple, classes: int) -> keras.Model:
        images = keras.Input(shape)
        x = layers.Rescaling(1 / 255)(images)
        for stage, width in enumerate(widths):
            for block in range(2):
                strides = 2 if stage and not block else 1
                y = layers.Conv2D(width, 3, strides, "same")(x)
                y = layers.ReLU()(layers.BatchNormalization()(y))
                y = layers.Conv2D(width, 3, padding="same")(y)
                y = layers.BatchNormalization()(y)
                if y.shape != x.shape:
                    x = layers.Conv2D(width, 1, strides)(x)
                x = layers.ReLU()(layers.Add()([x, y]))
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation="softmax")(x)
        return keras.Model(images, x)

    return build


def vision_transformer(given: Any, shape: tuple, classes: int) -> keras.Model:
    """Four layers of width 64 over patches of 4 pixels."""
    images = keras.Input(shape)
    x = layers.Rescaling(1 / 127.5, -1)(images)
    x = layers.Conv2D(64, 4, 4)(x)
    x = layers.Reshape((-1, 64))(x)
    places = keras.ops.arange(x.shape[1])
    x = x + layers.Embedding(x.shape[1], 64)(places)
    for _ in range(4):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 16)(y, y)
        y = layers.LayerNormalization()(x)
        x = x + layers.Dense(64)(layers.Dense(128, activation="gelu")(y))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(images, layers.Dense(classes)(x))


def pretrained(
    given: argparse.Namespace, shape: tuple, classes: int
) -> keras.Model:
    """A MobileNet of ImageNet with a new head for these pictures."""
    make = keras.applications.MobileNet
    whole = make((224, 224, 3), 0.75, weights=None)
    whole.load_weights(given.mobilenet)
    body = make(shape, 0.75, weights=None, include_top=False)
    loaded = {layer.name: layer for layer in whole.layers}
    for layer in body.layers[1:]:
        layer.set_weights(loaded[layer.name].get_weights())
    images = keras.Input(shape)
    x = body(layers.Rescaling(1 / 127.5, -1)(images))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(classes)(x))


def mobilenet_v3(shape: tuple, classes: int) -> keras.Model:
    make = keras.applications.MobileNetV3Small
    return make(shape, weights=None, classes=classes)


def loaded_resnet56(
    given: argparse.Namespace, shape: tuple, classes: int
) -> keras.Model:
    return keras.models.load_model(given.resnet56, compile=False)


def resnet20(shape: tuple, classes: int) -> keras.Model:
    mean, std = (129.3, 124.1, 112.4), (68.2, 65.4, 70.4)
    return build_classifier("resnet20", shape, classes, mean=mean, std=std)


def of_photos(given: argparse.Namespace) -> dict[str, Any]:
    return {"source": "folder", "path": given.photos, "image_size": 64}


def of_fashion(given: argparse.Namespace) -> dict[str, Any]:
    return {"source": "idx", "path": given.fashion}


SITUATIONS = (
    Situation(
        "digits: CNN -> CNN",
        lambda given: {"source": "digits"},
        *(2000, residual(32, 64), cnn(4, 8)),
        teacher_epochs=15,
    ),
    Situation(
        "Fashion-MNIST: residual -> CNN",
        lambda given: {**of_fashion(given), "image_size": 14},
        *(3000, residual(16, 32, 64), cnn(8, 16, 32)),
        needs=("fashion",),
        teacher_epochs=12,
    ),
    Situation(
        "Fashion-MNIST: ViT -> CNN",
        *(of_fashion, 3000, vision_transformer, cnn(8, 16, 32)),
        needs=("fashion",),
        teacher_epochs=6,
        teacher_images=20_000,
    ),
    Situation(
        "photos: MobileNet -> CNN",
        *(of_photos, 2000, pretrained, cnn(16, 32, 64, 128)),
        needs=("photos", "mobilenet"),
        epochs=EPOCHS[:1],
        teacher_epochs=8,
    ),
    Situation(
        "photos: MobileNet -> MobileNetV3Small",
        *(of_photos, 2000, pretrained, mobilenet_v3),
        needs=("photos", "mobilenet"),
        epochs=EPOCHS[:1],
        teacher_epochs=8,
    ),
    Situation(
        "CIFAR-100: ResNet-56 -> ResNet-20",
        lambda given: {"source": "npz", "path": given.cifar100},
        *(5000, loaded_resnet56, resnet20),
        needs=("cifar100", "resnet56"),
        epochs=EPOCHS[:1],
    ),
)


@dataclass(frozen=True)
class Pictures:
    """Arrays to train a student on, a teacher, and to judge both by."""

    train: tuple[np.ndarray, np.ndarray]
    of_teacher: tuple[np.ndarray, np.ndarray]
    judged: tuple[np.ndarray, np.ndarray]
    classes: int

    @classmethod
    def of(cls, situation: Situation, given: argparse.Namespace) -> "Pictures":
        wanted = situation.data(given)
        held_out = {"hold_out": 0.2} if given.held_out else {}
        data = load_dataset(DataConfig(**wanted, **held_out))
        order = np.random.default_rng(0).permutation(len(data.train))
        own = situation.train_images
        more = situation.teacher_images or own
        judged = np.random.default_rng(1).permutation(len(data.test))
        parts = [
            (data.train, order[:own]),
            (data.train, order[:more]),
            (data.test, judged[:TEST_IMAGES]),
        ]
        taken = [
            tuple(array[index] for array in part.arrays)
            for part, index in parts
        ]
        return cls(*taken, len(data.class_names))
