"""The parts of a classifier, and the pooling between two of them."""

from dataclasses import dataclass
from typing import Any

import keras

from atsc_keras.models.graphs import Place, has_graph, step_back, step_over
from atsc_keras.types import Tensor

VECTOR_POOLING = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
)
# These pool to a vector where their size makes them.
_MAP_POOLING = (
    keras.layers.AveragePooling2D,
    keras.layers.AdaptiveAveragePooling2D,
    keras.layers.AdaptiveMaxPooling2D,
)
RESHAPING = (keras.layers.Flatten, keras.layers.Reshape)
# A nested model of this name is the pooler, whatever it is made of.
POOLER = "pooler"
# A classifier of this name only passes on the class scores that it is given.
SCORES = "class_scores"


@dataclass(frozen=True)
class Parts:
    """A classifier's parts; layers are those of the model, not copies.

    Attributes:
        encoder: image -> features, a map `(B, h, w, C)` or a vector `(B, C)`.
        pooling: layers from the features to the Dense's vector, in order.
        classifier: a linear Dense; None where the model has no head.
        body: image -> what the head is given: the encoder, unless that gives
            class scores; None where nothing lies before these.
    """

    encoder: keras.Model
    pooling: list[keras.layers.Layer]
    classifier: keras.layers.Dense | None
    body: keras.Model | None

    @property
    def of_scores(self) -> bool:
        """Whether the encoder gives class scores, not features."""
        return self.classifier is not None and self.classifier.name == SCORES

    @property
    def pooler(self) -> keras.layers.Layer | None:
        """The pooling layers as one; None where they give no vector.

        A 1x1 map may have become one only in the head.
        """
        pooling = list(self.pooling)
        if not pooling:
            return None
        shape = tuple(self.encoder.output_shape[1:])
        if isinstance(pooling[0], VECTOR_POOLING):
            # The student's map may be smaller than the teacher's.
            shape = (None, None, shape[-1])
        features = x = keras.Input(shape, name="features")
        for layer in pooling:
            x = layer(x)
        if len(x.shape) != 2 and not is_vector(x):
            return None
        if len(x.shape) != 2 and isinstance(pooling[-1], VECTOR_POOLING[0]):
            return None  # the default gives the same
        if len(x.shape) != 2:
            pooling.append(keras.layers.Flatten())
            x = pooling[-1](x)
        if len(pooling) == 1:
            return pooling[0]
        return keras.Model(features, x, name=POOLER)


def is_vector(tensor: Tensor) -> bool:
    """Tell whether a tensor is a vector an image, possibly as a 1x1 map."""
    shape = tuple(tensor.shape)
    return len(shape) == 2 or (len(shape) == 4 and shape[1:3] == (1, 1))


def strip_pooling(
    place: Place,
) -> tuple[list[keras.layers.Layer], Place]:
    """Take the layers off that turn the last map into a vector."""
    step = step_over(place)
    if step is not None and has_graph(step[0]) and step[0].name == POOLER:
        return [step[0]], step[1]
    pooling: list[keras.layers.Layer] = []
    while (step := step_back(place)) is not None:
        layer, before = step
        regular = isinstance(layer, (keras.layers.Dropout, *RESHAPING))
        pools = isinstance(layer, VECTOR_POOLING) or (
            # Only in front of a Flatten: it may as well end an encoder.
            bool(pooling)
            and isinstance(layer, _MAP_POOLING)
            and is_vector(place.tensor)
        )
        if not pools and not (regular and is_vector(place.tensor)):
            break
        pooling.insert(0, _global(layer, before.tensor))
        place = before
        if pools or not is_vector(place.tensor):
            break
    return pooling, place


def _global(layer: Any, features: Tensor) -> keras.layers.Layer:
    """Free a pooling layer that covers the whole map from the map's size."""
    if not isinstance(layer, keras.layers.AveragePooling2D):
        return layer
    if tuple(layer.pool_size) != tuple(features.shape[1:3]):
        return layer
    return keras.layers.GlobalAveragePooling2D(keepdims=True, name=layer.name)
