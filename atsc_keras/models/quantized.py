"""Models that Keras itself has quantised are named, not trained."""

from collections.abc import Iterator
from typing import Any

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import leaf_layers

_SHOWN = 3


def check_not_quantized(model: keras.Model, what: str = "A model") -> None:
    """See that a model's layers compute with floating point weights.

    Args:
        model: with or without a graph.
        what: how the message calls it, the file too where there is one.

    Raises:
        InputError: if `quantize` was called on it, with the layers' names.
    """
    found = [
        f"{layer.name} ({mode})"
        for layer in _with_wrapped(leaf_layers(model))
        if (mode := getattr(layer, "quantization_mode", None))
    ]
    if found:
        more = f" and {len(found) - _SHOWN} more" if found[_SHOWN:] else ""
        raise InputError(
            f"{what} must have weights of floating point. Received: layers "
            f"that Keras has quantised, {', '.join(found[:_SHOWN])}{more}. "
            "Give the model as it was before `model.quantize`; the exporter "
            "quantises by --precision int8."
        )


def _with_wrapped(layers: list[Any]) -> Iterator[Any]:
    for layer in layers:
        yield layer
        if isinstance(layer, keras.layers.Wrapper):
            yield from _with_wrapped(leaf_layers(layer.layer))
