"""Ends of classifiers, on one small body."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.models.conftest import SHAPE

FEATURES = 6  # channels of the body
CLASSES = 3


@dataclass(frozen=True)
class End:
    """A head on a map of features, and what it should be read as.

    Attributes:
        head: map -> what the model gives.
        gives: the activation that it ends in.
        found: whether its logits are a tensor of the model.
        dense: whether it equals a Dense on the body's pooled features.
    """

    head: Callable[[Any], Any]
    gives: str = "softmax"
    found: bool = True
    dense: bool = True

    @property
    def name(self) -> str:
        return self.head.__name__


def body() -> keras.Model:
    image = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(FEATURES, 3, strides=2, activation="relu")(x)
    return keras.Model(image, x, name="body")


def of_end(end: End) -> keras.Model:
    """Build the classifier; its logits differ by some units."""
    keras.utils.set_random_seed(1)
    inner = body()
    image = keras.Input(SHAPE)
    model = keras.Model(image, end.head(inner(image)))
    random = np.random.default_rng(3)
    model.set_weights(
        [
            np.abs(random.normal(size=weight.shape)) + 0.5
            if "variance" in weight.path
            else random.normal(size=weight.shape)
            for weight in model.weights
        ]
    )
    return model


def pooled(x: Any) -> Any:
    return layers.GlobalAveragePooling2D()(x)


def dense(x: Any, **options: Any) -> Any:
    return layers.Dense(CLASSES, **options)(pooled(x))


def conv(x: Any, size: int = 1, **options: Any) -> Any:
    return layers.Conv2D(CLASSES, size, padding="same", **options)(x)


def linear(x: Any) -> Any:
    return dense(x)


def softmax_in_the_dense(x: Any) -> Any:
    return dense(x, activation="softmax")


def softmax_layer(x: Any) -> Any:
    return layers.Softmax()(dense(x))


def softmax_function(x: Any) -> Any:
    return ops.softmax(dense(x))


def softmax_twice(x: Any) -> Any:
    return layers.Softmax()(dense(x, activation="softmax"))


def linear_activation_behind(x: Any) -> Any:
    return layers.Activation("linear")(dense(x, activation="softmax"))


def dropout_behind(x: Any) -> Any:
    return layers.Softmax()(layers.Dropout(0.5)(dense(x)))


def temperature(x: Any) -> Any:
    return ops.softmax(dense(x) / 4.0)


def rescaling_behind(x: Any) -> Any:
    return layers.Rescaling(0.25, 1.0)(dense(x))


def clipped_probabilities(x: Any) -> Any:
    return ops.clip(dense(x, activation="softmax"), 1e-7, 1.0)


def renormalised(x: Any) -> Any:
    p = dense(x, activation="softmax")
    return p / ops.sum(p, axis=-1, keepdims=True)


def clipped_logits(x: Any) -> Any:
    return ops.clip(dense(x), -1000.0, 1000.0)


def clip_that_bites(x: Any) -> Any:
    return ops.softmax(ops.clip(dense(x), -0.1, 0.1))


def normalised_logits(x: Any) -> Any:
    z = dense(x)
    return z - ops.logsumexp(z, axis=-1, keepdims=True)


def log_softmax(x: Any) -> Any:
    return layers.Activation("log_softmax")(dense(x))


def logarithm_of_softmax(x: Any) -> Any:
    return ops.log(dense(x, activation="softmax"))


def average_of_logits(x: Any) -> Any:
    v = pooled(x)
    heads = [layers.Dense(CLASSES)(v) for _ in range(2)]
    return layers.Average()(heads)


def average_of_probabilities(x: Any) -> Any:
    v = pooled(x)
    p, q = (layers.Dense(CLASSES, activation="softmax")(v) for _ in "pq")
    return (p + q) / 2


def product_of_experts(x: Any) -> Any:
    v = pooled(x)
    p, q = (layers.Dense(CLASSES, activation="softmax")(v) for _ in "pq")
    both = p * q
    return both / ops.sum(both, axis=-1, keepdims=True)


def shared_with_an_attention(x: Any) -> Any:
    softmax = layers.Activation("softmax")
    v = pooled(x)
    v = layers.Multiply()([v, softmax(layers.Dense(FEATURES)(v))])
    return softmax(layers.Dense(CLASSES)(v))


def attention_of_as_many_as_classes(x: Any) -> Any:
    v = pooled(x)
    gate = layers.Dense(CLASSES, activation="softmax")(v)
    return ops.softmax(layers.Dense(CLASSES)(v) * gate)


def normalisation_behind(x: Any) -> Any:
    return layers.Softmax()(layers.BatchNormalization()(dense(x)))


def convolution_on_the_pooled(x: Any) -> Any:
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Flatten()(conv(x, activation="softmax"))


def softmax_before_the_flatten(x: Any) -> Any:
    x = layers.GlobalMaxPooling2D(keepdims=True)(x)
    return layers.Reshape((CLASSES,))(layers.Softmax()(conv(x)))


def axes_of_one(x: Any) -> Any:
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return conv(x, activation="softmax")


def convolution_before_averaging(x: Any) -> Any:
    return layers.Softmax()(pooled(conv(x)))


def convolution_before_averaging_linear(x: Any) -> Any:
    return pooled(conv(x))


def convolution_and_normalisation(x: Any) -> Any:
    return layers.Softmax()(pooled(layers.BatchNormalization()(conv(x))))


def squeezenet(x: Any) -> Any:
    x = conv(layers.Dropout(0.5)(x), activation="relu")
    return layers.Softmax()(pooled(x))


def mini_xception(x: Any) -> Any:
    return layers.Activation("softmax")(pooled(conv(x, 3)))


def softmax_of_each_pixel(x: Any) -> Any:
    return pooled(conv(x, activation="softmax"))


def sigmoid_unit(x: Any) -> Any:
    return layers.Dense(1, activation="sigmoid")(pooled(x))


def sigmoid_function_of_one(x: Any) -> Any:
    return ops.sigmoid(layers.Dense(1)(pooled(x)))


def clipped_sigmoid_unit(x: Any) -> Any:
    p = layers.Dense(1, activation="sigmoid")(pooled(x))
    return ops.clip(p, 1e-7, 1 - 1e-7)


def average_of_sigmoid_units(x: Any) -> Any:
    v = pooled(x)
    p, q = (layers.Dense(1, activation="sigmoid")(v) for _ in "pq")
    return (p + q) / 2


def several_sigmoids(x: Any) -> Any:
    return dense(x, activation="sigmoid")


def nested_head(x: Any) -> Any:
    maps = keras.Input(x.shape[1:])
    return keras.Model(maps, temperature(maps))(x)


def nested_under_a_temperature(x: Any) -> Any:
    maps = keras.Input(x.shape[1:])
    return ops.softmax(keras.Model(maps, linear(maps))(x) * 0.5)


ENDS = (
    *(End(linear, "linear"), End(softmax_in_the_dense), End(softmax_layer)),
    *(End(softmax_function), End(softmax_twice, dense=False)),
    *(End(linear_activation_behind), End(dropout_behind), End(temperature)),
    *(End(rescaling_behind, "linear"), End(clipped_probabilities)),
    *(End(renormalised), End(clipped_logits, "linear")),
    *(End(clip_that_bites, dense=False), End(normalised_logits, "linear")),
    *(End(log_softmax, "linear"), End(average_of_logits, "linear")),
    End(logarithm_of_softmax, "linear"),
    End(average_of_probabilities, found=False, dense=False),
    End(product_of_experts, found=False),
    End(shared_with_an_attention),
    End(attention_of_as_many_as_classes, dense=False),
    *(End(normalisation_behind), End(convolution_on_the_pooled)),
    *(End(softmax_before_the_flatten), End(axes_of_one)),
    End(convolution_before_averaging),
    End(convolution_before_averaging_linear, "linear"),
    End(convolution_and_normalisation),
    *(End(squeezenet, dense=False), End(mini_xception, dense=False)),
    End(softmax_of_each_pixel, found=False, dense=False),
    *(End(sigmoid_unit), End(sigmoid_function_of_one)),
    End(clipped_sigmoid_unit),
    End(average_of_sigmoid_units, found=False, dense=False),
    *(End(several_sigmoids, "sigmoid"), End(nested_head)),
    End(nested_under_a_temperature),
)
