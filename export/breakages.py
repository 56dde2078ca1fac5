"""Layers that a converter would write a broken file of, named beforehand.

What is not here is either converted, or found by the proof of the file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from .formats import FORMATS


@dataclass(frozen=True)
class Breakage:
    """A kind of layer that some formats cannot have.

    Attributes:
        matches: whether a layer is of that kind.
        formats: that break.
        reason: what is wrong, and the way out.
    """

    matches: Callable[[Any], bool]
    formats: tuple[str, ...]
    reason: str


def _pools_to_one(layer: Any) -> bool:
    adaptive = (
        keras.layers.AdaptiveAveragePooling2D,
        keras.layers.AdaptiveMaxPooling2D,
    )
    return isinstance(layer, adaptive) and 1 in tuple(layer.output_size)


BREAKAGES = (
    Breakage(
        _pools_to_one,
        FORMATS,
        "TensorFlow cannot trace adaptive pooling to a size of 1: use "
        "GlobalAveragePooling2D or GlobalMaxPooling2D (keepdims=True)",
    ),
    Breakage(
        lambda layer: (
            isinstance(layer, keras.layers.Resizing) and layer.antialias
        ),
        ("tflite", "onnx"),
        "resizing with antialias=True has no operation in this format: "
        "resize before the model, or use antialias=False",
    ),
    Breakage(
        lambda layer: (
            isinstance(layer, keras.layers.Resizing)
            and layer.interpolation not in ("bilinear", "nearest")
        ),
        ("tflite",),
        "TFLite resizes bilinearly or to the nearest pixel only: resize "
        'before the model, or use interpolation="bilinear"',
    ),
)


def breakage(model: keras.Model, kind: str) -> str | None:
    """Say why a format cannot have a model.

    Args:
        model: the classifier.
        kind: the format.

    Returns:
        Name of the layer, reason and way out; None where nothing is known to
        break.
    """
    for layer in leaf_layers(model):
        for known in BREAKAGES:
            if kind in known.formats and known.matches(layer):
                name = f"{layer.name} ({type(layer).__name__})"
                return f"layer {name}: {known.reason}"
    return None


def leaf_layers(layer: Any) -> Iterator[Any]:
    """The layers inside nested models."""
    inner = getattr(layer, "layers", None)
    if not inner:
        yield layer
    for part in inner or ():
        yield from leaf_layers(part)
