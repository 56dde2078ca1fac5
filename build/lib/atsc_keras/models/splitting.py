"""Taking any Keras classifier apart: encoder, pooling layers, Dense."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import (
    Place,
    has_graph,
    model_until,
    step_back,
    step_over,
)
from atsc_keras.types import Tensor

_HEAD_ACTIVATIONS = ("linear", "softmax", "sigmoid")
_VECTOR_POOLING = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
)
# These pool to a vector where their size makes them.
_MAP_POOLING = (
    keras.layers.AveragePooling2D,
    keras.layers.AdaptiveAveragePooling2D,
    keras.layers.AdaptiveMaxPooling2D,
)
_RESHAPING = (keras.layers.Flatten, keras.layers.Reshape)
# A nested model of this name is the pooler, whatever it is made of.
POOLER = "pooler"
_LAYERS_SHOWN = 12


@dataclass(frozen=True)
class Parts:
    """A classifier's parts; layers are those of the model, not copies.

    Attributes:
        encoder: image -> features, a map `(B, h, w, C)` or a vector `(B, C)`.
        pooling: layers from the features to the Dense's vector, in order.
        classifier: a linear Dense; None where the model has no head.
    """

    encoder: keras.Model
    pooling: list[keras.layers.Layer]
    classifier: keras.layers.Dense | None

    @property
    def pooler(self) -> keras.layers.Layer | None:
        """The pooling layers as one; None where they give no vector.

        A 1x1 map may have become one only in the head.
        """
        shape = tuple(self.encoder.output_shape[1:])
        features = x = keras.Input(shape, name="features")
        for layer in self.pooling:
            x = layer(x)
        if not self.pooling or len(x.shape) != 2:
            return None
        if len(self.pooling) == 1:
            return self.pooling[0]
        if isinstance(self.pooling[0], _VECTOR_POOLING):
            # The student's map may be smaller than the teacher's.
            features = x = keras.Input((None, None, shape[-1]), name="features")
            for layer in self.pooling:
                x = layer(x)
        return keras.Model(features, x, name=POOLER)


def _is_vector(tensor: Tensor) -> bool:
    """Tell whether a tensor is a vector an image, possibly as a 1x1 map."""
    shape = tuple(tensor.shape)
    return len(shape) == 2 or (len(shape) == 4 and shape[1:3] == (1, 1))


def _activation(layer: Any) -> str | None:
    """Name the function that a pure activation layer applies."""
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    if isinstance(layer, keras.layers.Activation):
        return _name(layer.activation)
    return None


def _name(activation: Any) -> str | None:
    """Name an activation; None where it is an object without one."""
    return getattr(activation, "__name__", None)


def _strip_activations(place: Place) -> Place:
    step = step_back(place)
    while step is not None and _activation(step[0]) in _HEAD_ACTIVATIONS:
        place = step[1]
        step = step_back(place)
    return place


def _strip_dense(
    place: Place,
) -> tuple[keras.layers.Dense | None, Place]:
    """Take the last Dense, or the 1x1 convolution of a pooled map, off."""
    step = step_back(place)
    while step is not None and isinstance(step[0], _RESHAPING):
        if not _is_vector(step[1].tensor):
            return None, place
        step = step_back(step[1])
    if step is None:
        return None, place
    layer, before = step
    activation = _name(getattr(layer, "activation", None))
    if activation not in _HEAD_ACTIVATIONS or not _is_vector(before.tensor):
        return None, place
    if isinstance(layer, keras.layers.Dense):
        return layer if activation == "linear" else _dense_of(layer), before
    if (
        isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size == (1, 1)
        and layer.groups == 1
    ):
        return _dense_of(layer), before
    return None, place


def _dense_of(layer: Any) -> keras.layers.Dense:
    """Make a linear Dense with the values and settings of another head.

    Keras has no public way to let two layers share a kernel.
    """
    dense = keras.layers.Dense(
        layer.kernel.shape[-1],
        use_bias=layer.use_bias,
        kernel_regularizer=layer.kernel_regularizer,
        bias_regularizer=layer.bias_regularizer,
        kernel_constraint=layer.kernel_constraint,
        bias_constraint=layer.bias_constraint,
        trainable=layer.trainable,
        name=layer.name,
        dtype=layer.dtype_policy,
    )
    own = [layer.kernel, layer.bias] if layer.use_bias else [layer.kernel]
    weights = [np.array(keras.ops.convert_to_numpy(weight)) for weight in own]
    # Of a 1x1 convolution this drops the window's axes.
    weights[0] = weights[0].reshape(weights[0].shape[-2:])
    dense.build((None, len(weights[0])))
    dense.set_weights(weights)
    return dense


def _strip_pooling(
    place: Place,
) -> tuple[list[keras.layers.Layer], Place]:
    """Take the layers off that turn the last map into a vector."""
    step = step_over(place)
    if step is not None and has_graph(step[0]) and step[0].name == POOLER:
        return [step[0]], step[1]
    pooling: list[keras.layers.Layer] = []
    while (step := step_back(place)) is not None:
        layer, before = step
        regular = isinstance(layer, (keras.layers.Dropout, *_RESHAPING))
        pools = isinstance(layer, _VECTOR_POOLING) or (
            # Only in front of a Flatten: it may as well end an encoder.
            bool(pooling)
            and isinstance(layer, _MAP_POOLING)
            and _is_vector(place.tensor)
        )
        if not pools and not (regular and _is_vector(place.tensor)):
            break
        pooling.insert(0, _global(layer, before.tensor))
        place = before
        if pools or not _is_vector(place.tensor):
            break
    return pooling, place


def _global(layer: Any, features: Tensor) -> keras.layers.Layer:
    """Free a pooling layer that covers the whole map from the map's size."""
    if not isinstance(layer, keras.layers.AveragePooling2D):
        return layer
    if tuple(layer.pool_size) != tuple(features.shape[1:3]):
        return layer
    return keras.layers.GlobalAveragePooling2D(keepdims=True, name=layer.name)


def split_model(model: keras.Model) -> Parts:
    """Split a Functional or Sequential model, nested models included.

    From the output backwards: softmax or sigmoid layers, the last Dense (a
    1x1 convolution of pooled features counts as one), the pooling layers or a
    nested model named "pooler"; what remains is the encoder. A Dense with
    another activation belongs to the encoder. A head that is not a linear
    Dense is copied as one; all other weights are shared with the model.

    Args:
        model: image `(B, H, W, C)` -> one output. A model without top is its
            own encoder, up to its pooling layers; a model made of `encoder`,
            `pooler` and `classifier` is split already.

    Returns:
        The parts.

    Raises:
        InputError: if the model has no graph, or not one image input and
            features of rank 2 or 4.
    """
    if not has_graph(model):
        return _named_parts(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise _cannot_split(
            model,
            f"has {len(model.inputs)} inputs and {len(model.outputs)} outputs",
        )
    end = Place(model.outputs[0], (model,))
    classifier, place = _strip_dense(_strip_activations(end))
    pooling, features = _strip_pooling(place if classifier else end)
    if len(features.tensor.shape) not in (2, 4):
        raise _cannot_split(
            model,
            f"gives features of shape {tuple(features.tensor.shape)}, "
            "neither a map (B, h, w, C) nor a vector (B, C)",
        )
    if features.tensor is model.outputs[0]:
        return Parts(model, pooling, classifier)
    return Parts(model_until(features), pooling, classifier)


def _named_parts(model: Any) -> Parts:
    """Take the parts of a model that has no graph but says what they are."""
    encoder = getattr(model, "encoder", None)
    pooler = getattr(model, "pooler", None)
    classifier = getattr(model, "classifier", None)
    if not (
        has_graph(encoder)
        and isinstance(pooler, keras.layers.Layer)
        and isinstance(classifier, keras.layers.Dense)
    ):
        raise _cannot_split(
            model,
            "has no graph of layers to follow (a Sequential has one if it "
            "begins with keras.Input)",
        )
    return Parts(encoder, [pooler], classifier)


def _cannot_split(model: Any, reason: str) -> InputError:
    layers = getattr(model, "layers", [])[-_LAYERS_SHOWN:]
    return InputError(
        "A model must be split into encoder and Dense classifier. Received: "
        f"{getattr(model, 'name', model)} ({type(model).__name__}), which "
        f"{reason}. Its last layers:\n"
        + ("\n".join(map(_describe, layers)) or "  none")
        + "\nName the parts yourself: ImageClassifier(\n"
        "    encoder=keras.Model(images, features),\n"
        "    classifier=keras.layers.Dense(classes))"
    )


def _describe(layer: Any) -> str:
    # A layer that was never called has no output to show.
    output = getattr(layer, "output", None)
    shapes = [str(x.shape) for x in keras.tree.flatten(output) if x is not None]
    arrow = f" -> {', '.join(shapes)}" if shapes else ""
    return f"  {layer.name} ({type(layer).__name__}){arrow}"


def no_classifier(model: keras.Model) -> InputError:
    """Make the error for a teacher that has no Dense to share."""
    return _cannot_split(model, "does not end in a linear or softmax Dense")
