"""A `.keras` file -> a float32 classifier of images, checked."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export.errors import ExportError

_LONGEST_REASON = 200  # characters of Keras's own message


def load_classifier(path: Path) -> keras.Model:
    """Load a saved classifier, in float32 whatever it was trained in.

    Args:
        path: of the `.keras` file.

    Returns:
        A model of one image input `(B, H, W, C)` and one output `(B, K)`.

    Raises:
        ExportError: if the file is missing, cut short, needs other code, or
            holds no such model.
    """
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "does not exist"
        raise ExportError(
            "MODEL must be a `.keras` file. "
            f"Received: {path}, which {state}. Check the path."
        )
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ExportError(
            "MODEL must be a whole `.keras` file, as `model.save` writes it. "
            f"Received: {path}, which is not or is cut short. Save it again."
        )
    try:
        model = keras.models.load_model(path, compile=False)
    except (zipfile.BadZipFile, zlib.error) as e:
        raise ExportError(
            "MODEL must be a whole `.keras` file, as `model.save` writes it. "
            f"Received: {path}, which is damaged ({e}). Save it again."
        ) from e
    except (ValueError, TypeError, KeyError, OSError) as e:
        reason = (str(e).strip() or repr(e)).splitlines()[0]
        if len(reason) > _LONGEST_REASON:
            reason = f"{reason[:_LONGEST_REASON]}..."
        raise ExportError(
            "MODEL must load with Keras alone. "
            f"Received: {path} ({reason}). Save a model of stock layers, of a "
            "distillation `atsc.student.to_functional()`; custom layers "
            "cannot be exported."
        ) from e
    _check_shapes(model, path)
    return _in_float32(model)


def _check_shapes(model: keras.Model, path: Path) -> None:
    # A Sequential that was never built has neither.
    inputs, outputs = (
        len(getattr(model, side, None) or []) for side in ("inputs", "outputs")
    )
    if (inputs, outputs) != (1, 1):
        raise ExportError(
            "MODEL must have one input and one output. "
            f"Received: {path} with {inputs} inputs and {outputs} outputs. "
            "Wrap the part that classifies in a model of its own."
        )
    image, logits = model.inputs[0].shape, model.outputs[0].shape
    if len(image) != 4 or None in image[1:] or len(logits) != 2:
        raise ExportError(
            "MODEL must take images (batch, height, width, channels) of known "
            f"size and give (batch, classes). Received: {path} with input "
            f"{tuple(image)}, output {tuple(logits)}. Build it for a fixed "
            "image size."
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


def output_activation(model: keras.Model) -> str:
    """Name of the function that the last layer ends in; "linear" for none."""
    last = model.layers[-1]
    while isinstance(last, keras.Model):
        last = last.layers[-1]
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(last, "activation", None), "__name__", "linear")


def load_images(
    path: Path, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the real pixels that artifacts are compared on.

    Args:
        path: an npz file with `images` `(N, H, W, C)` in [0, 255] and,
            optionally, `labels` `(N,)`.
        shape: `(H, W, C)` that the model takes.

    Returns:
        float32 images, and labels or None.

    Raises:
        ExportError: if the file cannot be read or does not fit the model.
    """
    try:
        # Opened here, because np.load leaves a broken file open; `dict`, for
        # a plain .npy file is an array.
        with path.open("rb") as file:
            arrays = dict(np.load(file))
        images, labels = arrays["images"], arrays.get("labels")
    except (
        *(OSError, ValueError, KeyError, EOFError, TypeError),
        *(zipfile.BadZipFile, zlib.error),
    ) as e:
        raise ExportError(
            "--images must be an npz file with an array `images`. "
            f"Received: {path} ({e}). Write it with numpy.savez."
        ) from e
    if images.ndim != 4 or images.shape[1:] != shape or not len(images):
        raise ExportError(
            f"--images must hold images of shape (N, {str(shape)[1:]} as the "
            f"model takes. Received: {path} with {images.shape}. Resize them."
        )
    if labels is not None and labels.shape != (len(images),):
        raise ExportError(
            "--images must hold one label an image. Received: "
            f"{path} with {len(images)} images, labels {labels.shape}. "
            "Leave `labels` out, or give one each."
        )
    return images.astype("float32"), labels


def load_class_names(path: Path, classes: int) -> list[str]:
    """Read a JSON list with the name of each class.

    Raises:
        ExportError: if it is no list of as many names as classes.
    """
    try:
        names = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise ExportError(
            "--class-names must be a JSON file. "
            f"Received: {path} ({e}). Write a list of names."
        ) from e
    count = len(names) if isinstance(names, list) else type(names).__name__
    if count != classes:
        raise ExportError(
            "--class-names must be a list with one name a class. Received: "
            f"{path} with {count}, model with {classes} classes. Give them "
            "in the order of the labels."
        )
    return [str(name) for name in names]
