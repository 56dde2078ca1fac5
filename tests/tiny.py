"""Networks of a few channels on 8x8 images, and batches for them."""

from typing import Any

import keras
import numpy as np
from keras import layers

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.coupled_sgd import CoupledSGD
from atsc_keras.models.image_classifier import ImageClassifier

SHAPE = (8, 8, 3)
CLASSES = 4


def tiny_encoder(
    channels: int, strides: int = 2, regularizer: Any = None
) -> keras.Model:
    images = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 127.5, offset=-1)(images)
    for depth in (1, 2):
        x = layers.Conv2D(
            channels,
            3,
            strides=strides if depth == 1 else 1,
            padding="same",
            use_bias=False,
            kernel_regularizer=regularizer,
        )(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    return keras.Model(images, x)


def tiny_teacher(channels: int = 8, **arguments: Any) -> ImageClassifier:
    return ImageClassifier(
        tiny_encoder(channels, **arguments), layers.Dense(CLASSES)
    )


# The method as published, where the library's defaults differ; beside it,
# `compile(..., teacher_rate=1.0)`.
PUBLISHED = {
    "feature_loss": "mse",
    "student_loss_weight": 0.0,
    "logits_loss_weight": 0.0,
}


def tiny_atsc(**settings: Any) -> ATSC:
    return ATSC(tiny_teacher(), tiny_encoder(4), **settings)


def sgd(learning_rate: float = 0.05) -> CoupledSGD:
    return CoupledSGD(learning_rate, momentum=0.9)


def batch(size: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images whose classes differ in brightness, so that they are learnt."""
    random = np.random.default_rng(seed)
    labels = np.arange(size) % CLASSES
    images = random.uniform(0, 90, (size, *SHAPE))
    images += 50 * labels[:, None, None, None]
    return images.astype("float32"), labels.astype("int32")


def values(model: Any) -> list[np.ndarray]:
    """All weights of a model, copied."""
    return [np.array(weight) for weight in model.get_weights()]


def moved(before: list[np.ndarray], model: Any) -> list[bool]:
    """For each weight, whether it has changed since `before`."""
    return [
        not np.array_equal(old, new)
        for old, new in zip(before, values(model), strict=True)
    ]


class RecordingSGD(CoupledSGD):
    """Keeps the gradients of every step, by the id of their variable."""

    @property
    def recorded(self) -> list[dict[int, np.ndarray | None]]:
        # Past Keras's tracking of attributes, which copies lists.
        return self.__dict__.setdefault("_recorded", [])

    def apply(self, grads: list, trainable_variables: Any = None) -> None:
        variables = trainable_variables or self._trainable_variables
        self.recorded.append(
            {
                id(variable): None
                if gradient is None
                else np.array(keras.ops.convert_to_numpy(gradient))
                for gradient, variable in zip(grads, variables, strict=True)
            }
        )
        super().apply(grads, trainable_variables)
