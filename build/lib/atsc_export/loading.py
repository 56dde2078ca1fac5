"""A `.keras` file -> a float32 classifier of images, checked."""

import json
from pathlib import Path
from typing import Any

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.loading import load_keras_file


def load_classifier(path: Path) -> keras.Model:
    """Load a saved classifier, in float32 whatever it was trained in.

    Args:
        path: of the `.keras` file.

    Returns:
        A model of one image input `(B, H, W, C)` and one output, logits
        `(B, K)`; a softmax at its end is taken off.

    Raises:
        InputError: if the file is missing, cut short, needs other code, or
            holds no such model, or one that is no classifier.
    """
    model = load_keras_file(
        path,
        what="MODEL",
        code="Keras",
        way_out="Save a model of stock layers, of a distillation "
        "`atsc.student.to_functional()`; custom layers cannot be exported.",
    )
    _check_shapes(model, path)
    return _ending_in_logits(_in_float32(model), path)


def _check_shapes(model: keras.Model, path: Path) -> None:
    if not getattr(model, "inputs", None):
        raise InputError(
            "MODEL must be a functional model of stock layers. "
            f"Received: {path} of class {type(model).__name__}, without "
            "inputs. Save `model.to_functional()` of a classifier, of a "
            "distillation `atsc.student.to_functional()`, or build what is "
            "your own on keras.Input."
        )
    inputs, outputs = len(model.inputs), len(model.outputs)
    if (inputs, outputs) != (1, 1):
        names = ", ".join(tensor.name for tensor in model.outputs)
        raise InputError(
            "MODEL must have one input and one output. "
            f"Received: {path} with {inputs} inputs and {outputs} outputs "
            f"({names}). Save the part that classifies: "
            "keras.Model(model.inputs, model.outputs[0])."
        )
    image, logits = model.inputs[0].shape, model.outputs[0].shape
    if (
        len(image) != 4
        or None in image[1:]
        or len(logits) != 2
        or logits[1] < 2
    ):
        raise InputError(
            "MODEL must take images (batch, height, width, channels) of known "
            "size and give (batch, classes), two or more. Received: "
            f"{path} with input {tuple(image)}, output {tuple(logits)}. Build "
            "it for a fixed image size."
        )


def _in_float32(model: keras.Model) -> keras.Model:
    """Rebuild a mixed-precision model: converters cannot take its casts.

    Its variables are float32 already, so weights stay exact.
    """
    config = keras.saving.serialize_keras_object(model)
    policies = _policies(config)
    if all(policy["config"]["name"] == "float32" for policy in policies):
        return model
    for policy in policies:
        policy["config"]["name"] = "float32"
    rebuilt = keras.saving.deserialize_keras_object(config)
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def _policies(config: Any) -> list[dict[str, Any]]:
    """Every dtype policy inside a serialised model."""
    if isinstance(config, dict):
        inner = [p for value in config.values() for p in _policies(value)]
        own = str(config.get("class_name", "")).endswith("DTypePolicy")
        return [config, *inner] if own else inner
    if isinstance(config, list | tuple):
        return [policy for value in config for policy in _policies(value)]
    return []


def _ending_in_logits(model: keras.Model, path: Path) -> keras.Model:
    """Take a softmax off: clients get logits, and probabilities if asked."""
    owner, last = model, model.layers[-1]
    while isinstance(last, keras.Model):
        owner, last = last, last.layers[-1]
    ending = _ending(last)
    if isinstance(last, keras.layers.Softmax) and owner is model:
        return keras.Model(model.inputs[0], last.input, name=model.name)
    if ending == "softmax" and hasattr(last, "activation"):
        last.activation = keras.activations.linear
    elif ending not in ("linear", "log_softmax"):
        raise InputError(
            "MODEL must be a classifier, whose last layer gives logits or "
            f"ends in a softmax. Received: {path}, whose last layer "
            f"{last.name!r} ends in {ending}. Save the model without it."
        )
    return model


def _ending(layer: Any) -> str:
    """Name of the function that a layer ends in."""
    if isinstance(layer, keras.layers.Softmax | keras.layers.ReLU):
        return type(layer).__name__.lower()
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def load_class_names(path: Path, classes: int) -> list[str]:
    """Read a JSON list with the name of each class.

    Raises:
        InputError: if it is no list of as many names as classes.
    """
    try:
        names = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise InputError(
            "--class-names must be a JSON file. "
            f"Received: {path} ({e}). Write a list of names."
        ) from e
    count = len(names) if isinstance(names, list) else type(names).__name__
    if count != classes:
        raise InputError(
            "--class-names must be a list with one name a class. Received: "
            f"{path} with {count}, model with {classes} classes. Give them "
            "in the order of the labels."
        )
    return [str(name) for name in names]
