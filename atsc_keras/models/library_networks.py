"""Networks of `keras.applications`, as encoders and classifiers."""

import ast
import difflib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor

PREFIX = "keras.applications/"
IMAGENET = "imagenet"
IMAGENET_CLASSES = 1000
_NAME = re.compile(r"(\w+)(?:\((.*)\))?")
# They normalise pixels in layers of their own.
_NORMALIZING = (keras.layers.Rescaling, keras.layers.Normalization)
_OURS = ("include_top", "weights", "input_shape", "classes", "input_tensor")


def _families() -> dict[str, tuple[Callable[..., keras.Model], ModuleType]]:
    """Each network's constructor, and the module that it belongs to."""
    return {
        name: (
            build,
            getattr(keras.applications, build.__module__.rpartition(".")[2]),
        )
        for name, build in vars(keras.applications).items()
        if inspect.isfunction(build) and name[0].isupper()
    }


def _find(
    name: str,
) -> tuple[Callable[..., keras.Model], ModuleType, dict[str, Any]]:
    match = _NAME.fullmatch(name.removeprefix(PREFIX))
    families = _families()
    if match is None or match[1] not in families:
        asked = match[1] if match else name
        near = difflib.get_close_matches(asked, families, cutoff=0.0)
        raise InputError(
            f"`network` must be {PREFIX} and a network of that module. "
            f"Received: network={name!r}. Nearest: "
            f"{', '.join(PREFIX + other for other in near)}."
        )
    build, module = families[match[1]]
    return build, module, _arguments(name, match[2], build)


def _arguments(
    name: str, text: str | None, build: Callable[..., keras.Model]
) -> dict[str, Any]:
    known = set(inspect.signature(build).parameters) - {*_OURS, "name"}
    try:
        call = ast.parse(f"f({text or ''})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("not key=value")
        given = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        unknown = sorted(given.keys() - known)
        if unknown:
            raise ValueError(f"no argument {unknown[0]}")
    except (SyntaxError, ValueError) as error:
        raise InputError(
            "The arguments of a `network` must be key=value, as its "
            f"constructor takes them. Received: network={name!r} ({error}). "
            f"Known: {', '.join(sorted(known))}."
        ) from error
    return given


def library_encoder(
    name: str,
    image_shape: tuple[int, int, int],
    normalize: Callable[[Tensor], Tensor],
) -> keras.Model:
    """Build a network of `keras.applications` without its head, untrained.

    Args:
        name: `keras.applications/` and the name of the constructor, with
            arguments of its own where wanted, as in
            `keras.applications/MobileNet(alpha=0.75)`.
        image_shape: `(height, width, channels)`.
        normalize: for networks that do not normalise pixels themselves.

    Returns:
        A model from pixels in [0, 255] to the last feature map.

    Raises:
        InputError: if there is no such network, or it cannot be built.
    """
    build, _, arguments = _find(name)
    if "include_preprocessing" in inspect.signature(build).parameters:
        arguments.setdefault("include_preprocessing", False)
    network = _call(
        name,
        build,
        arguments,
        include_top=False,
        weights=None,
        input_shape=image_shape,
    )
    images = keras.Input(image_shape, name="image")
    own = any(isinstance(x, _NORMALIZING) for x in network.layers)
    x = images if own else normalize(images)
    return keras.Model(images, network(x), name=_model_name(name))


def library_classifier(
    name: str, image_shape: tuple[int, int, int], weights: str, classes: int
) -> ImageClassifier:
    """Build a network of `keras.applications` with weights of that library.

    Pixels are normalised as those weights want it.

    Args:
        name: as for `library_encoder`.
        image_shape: `(height, width, 3)`.
        weights: "imagenet", which is downloaded, or the path of a `.h5` file
            that the constructor takes, of a network with its head or without.
        classes: of the head; with the weights' own number of classes that is
            the network's own, else a new one.

    Returns:
        The classifier.

    Raises:
        InputError: if there is no such network, it cannot be built, or the
            weights cannot be had.
    """
    build, module, arguments = _find(name)
    if not weights.endswith(".h5"):
        heads = [classes == IMAGENET_CLASSES]
    else:
        _check_file(weights)
        heads = [True, False]  # the file does not say
    network = None
    while network is None:
        try:
            network = _call(
                name,
                build,
                arguments,
                include_top=heads.pop(0),
                weights=weights,
                input_shape=image_shape,
            )
        except InputError:
            if not heads:
                raise
    images = keras.Input(image_shape, name="image")
    x = _as_trained(images, module)
    model = keras.Model(images, network(x), name=_model_name(name))
    return ImageClassifier.for_classes(model, classes)


def _check_file(weights: str) -> None:
    if not Path(weights).is_file():
        raise InputError(
            f"`weights` must be a `.keras` file, a `.h5` file or {IMAGENET}. "
            f"Received: weights={weights}, which does not exist. Check the "
            "path."
        )


def _call(
    name: str,
    build: Callable[..., keras.Model],
    arguments: dict[str, Any],
    **ours: Any,
) -> keras.Model:
    try:
        return build(**arguments, **ours)
    except Exception as error:  # of many kinds, downloads among them
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        hint = "Choose other arguments or another image size."
        if ours["weights"]:
            hint = (
                "Where they cannot be downloaded, give a local file: a .keras "
                "file of the whole classifier, or the .h5 file as `weights`."
            )
        raise InputError(
            "A network of keras.applications must be built, with its weights. "
            f"Received: network={name!r}, image shape {ours['input_shape']}, "
            f"weights={ours['weights']} ({reason}). {hint}"
        ) from error


def _as_trained(images: Tensor, module: ModuleType) -> Tensor:
    """Normalise pixels as a family's `preprocess_input` does, in layers.

    What that function does to a pixel is measured: it scales and shifts each
    channel, and some swap red and blue.
    """
    black = np.zeros((1, 1, 1, 3), "float32")
    shift = np.array(module.preprocess_input(black.copy()))[0, 0, 0]
    columns = []
    for channel in range(3):
        pixel = black.copy()
        pixel[..., channel] = 255.0
        output = np.array(module.preprocess_input(pixel))[0, 0, 0]
        columns.append((output - shift) / 255.0)
    matrix = np.stack(columns, axis=-1)  # output channel, input channel
    if not np.any(np.diag(matrix)[[0, 2]]):
        images = keras.ops.flip(images, axis=-1)
        matrix = matrix[:, ::-1]
    if np.allclose(matrix, np.eye(3)) and not np.any(shift):
        return images  # in layers of the network's own
    return keras.layers.Rescaling(
        scale=[float(x) for x in np.diag(matrix)],
        offset=[float(x) for x in shift],
        name="normalization",
    )(images)


def _model_name(name: str) -> str:
    return re.sub(r"\W+", "_", name.removeprefix(PREFIX)).strip("_")
