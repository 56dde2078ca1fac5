"""Whether a teacher's features can be negative."""

from typing import Any

import keras

from atsc_keras.models.walking import Place, enter, has_graph, sources

# Where all that they are given is not negative, their output is not.
_KEEP_SIGN = (
    keras.layers.AveragePooling2D,
    keras.layers.MaxPooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.AdaptiveAveragePooling2D,
    keras.layers.AdaptiveMaxPooling2D,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Concatenate,
    keras.layers.Add,
    keras.layers.Dropout,
    keras.layers.Identity,
)
# Functions of `keras.ops` in a graph have classes, but no public ones.
_RECTIFY = ("Relu", "Relu6", "ReLU", "Sigmoid")
_TAKE = ("GetItem", "Reshape", "Transpose", "Concatenate")
_RECTIFYING = ("relu", "relu6", "sigmoid", "softmax")


def is_never_negative(encoder: keras.Model) -> bool:
    """Whether a model's graph shows that its output is never negative.

    Args:
        encoder: with a graph and one output.

    Returns:
        True if every path to the output ends in a ReLU or the like, followed
        by nothing but pooling, sums and changes of shape.
    """
    return has_graph(encoder) and _never_negative(
        Place(encoder.outputs[0], (encoder,))
    )


def _never_negative(place: Place) -> bool:
    layer, given = sources(place)
    if _rectifies(layer):
        return True
    if has_graph(layer) and len(given) == 1:
        return _never_negative(enter(layer, given[0]))
    keeps = isinstance(layer, _KEEP_SIGN) or type(layer).__name__ in _TAKE
    return keeps and bool(given) and all(map(_never_negative, given))


def _rectifies(layer: Any) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        # Of a leaky one negative values leave.
        return not layer.negative_slope and layer.threshold >= 0
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", None)
    return type(layer).__name__ in _RECTIFY or name in _RECTIFYING
