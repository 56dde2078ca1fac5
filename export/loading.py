"""A `.keras` file -> a float32 classifier of images, checked."""

from pathlib import Path

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.endings import Ending, read_ending
from atsc_keras.models.loading import load_keras_file
from atsc_keras.models.quantized import check_not_quantized

from .model_input import MODEL, taking_plain_pixels


def load_classifier(
    path: Path,
    pixels: str | None = None,
    size: tuple[int, int] | None = None,
    data: Path | None = None,
    option: str = MODEL,
    what: str = "MODEL",
) -> Ending:
    """Load a saved classifier, in float32 whatever it was trained in.

    Args:
        path: of the `.keras` file.
        pixels: what it wants of them; default: plain ones, or what its own
            preprocessor makes.
        size: height and width, for a model of any; default: that of `data`.
        data: real images; default: none.
        option: what `pixels` came by.
        what: how a message calls the file.

    Returns:
        The model as it is given, and that of its logits: images
        `(B, H, W, C)` -> `(B, K)`; two classes of one sigmoid unit.

    Raises:
        InputError: if the file is missing, cut short, needs other code, or
            holds no such model, or one that is no classifier.
    """
    model = load_keras_file(
        path,
        what=what,
        code="Keras",
        way_out="Save a model of stock layers, of a distillation "
        "`atsc.student.to_functional()`; custom layers cannot be exported.",
        as_float32=True,
    )
    check_not_quantized(model, f"{what} {path}")
    model = taking_plain_pixels(model, path, pixels, size, data, option)
    _check_shapes(model, path, what)
    ending = read_ending(model)
    _check_classes(ending, path, what)
    return ending


def _check_shapes(model: keras.Model, path: Path, what: str) -> None:
    if not getattr(model, "inputs", None):
        raise InputError(
            f"{what} must be a functional model of stock layers. "
            f"Received: {path} of class {type(model).__name__}, without "
            "inputs. Save `model.to_functional()` of a classifier, of a "
            "distillation `atsc.student.to_functional()`, or build what is "
            "your own on keras.Input."
        )
    inputs, outputs = len(model.inputs), len(model.outputs)
    if (inputs, outputs) != (1, 1):
        names = ", ".join(tensor.name for tensor in model.outputs)
        raise InputError(
            f"{what} must have one input and one output. "
            f"Received: {path} with {inputs} inputs and {outputs} outputs "
            f"({names}). Save the part that classifies: "
            "keras.Model(model.inputs, model.outputs[0])."
        )
    image, scores = model.inputs[0].shape, model.outputs[0].shape
    vector = len(scores) >= 2 and all(size == 1 for size in scores[1:-1])
    if len(image) != 4 or None in image[1:] or not vector or not scores[-1]:
        raise InputError(
            f"{what} must take images (batch, height, width, channels) of "
            "known size and give (batch, classes). Received: "
            f"{path} with input {tuple(image)}, output {tuple(scores)}. Build "
            "it for a fixed image size."
        )


def _check_classes(ending: Ending, path: Path, what: str) -> None:
    """See that a model tells classes apart, one of them an image."""
    count = ending.logits.output_shape[-1]
    if count == 1:
        raise InputError(
            f"{what} must give scores of classes. Received: "
            f"{path}, which gives one number an image that no sigmoid made. "
            "If it is the logit of a second class, end it in a sigmoid: "
            "keras.Model(model.input, keras.ops.sigmoid(model.output))."
        )
    if ending.activation == "sigmoid":
        raise InputError(
            f"{what} must tell which one class an image is of. Received: "
            f"{path}, which ends in {count} sigmoid units: several labels an "
            "image. Where an image has one, save the model with "
            "activation=None in its last layer: its logits are exported."
        )
