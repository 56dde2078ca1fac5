"""Networks of `keras.applications`."""

import difflib
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from atsc_keras.errors import InputError, first_line
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.inputs import convert_pixels
from atsc_keras.models.libraries.call_text import (
    model_name,
    read_arguments,
    split_call,
)
from atsc_keras.models.libraries.pixels import from_pixels
from atsc_keras.models.libraries.pretrained import Pretrained
from atsc_keras.models.network_names import APPLICATIONS as PREFIX
from atsc_keras.models.network_names import APPLICATIONS_WEIGHTS as WEIGHTS
from atsc_keras.pixels import Pixels
from atsc_keras.types import Tensor

_IMAGENET_CLASSES = 1000
_OURS = ("include_top", "weights", "input_shape", "classes", "input_tensor")


def _families() -> dict[str, tuple[Callable[..., keras.Model], ModuleType]]:
    """Find each network's constructor, and the module that it belongs to."""
    public = vars(keras.applications)
    modules = {k: m for k, m in public.items() if inspect.ismodule(m)}
    return {
        name: (build, modules[_module_of(name, modules)])
        for name, build in public.items()
        if inspect.isfunction(build) and name[0].isupper()
    }


def _module_of(name: str, modules: dict[str, ModuleType]) -> str:
    """Find the module that has a network, or else is named as it begins.

    That of MobileNetV3 has its `preprocess_input` only.
    """
    having = [key for key, module in modules.items() if hasattr(module, name)]
    named = [
        key for key in modules if name.lower().startswith(key.replace("_", ""))
    ]
    return max(having or named, key=len)


def _find(
    name: str,
) -> tuple[Callable[..., keras.Model], ModuleType, dict[str, Any]]:
    call = split_call(name.removeprefix(PREFIX))
    families = _families()
    if call is None or call[0] not in families:
        asked = call[0] if call else name
        near = difflib.get_close_matches(asked, families, cutoff=0.0)
        raise InputError(
            f"`network` must be {PREFIX} and a network of that module. "
            f"Received: network={name!r}. Nearest: "
            f"{', '.join(PREFIX + other for other in near)}."
        )
    build, module = families[call[0]]
    return build, module, read_arguments(name, call[1], build, _OURS)


def build_encoder(
    name: str,
    image_shape: tuple[int, int, int],
    normalize: Callable[[Tensor], Tensor],
) -> keras.Model:
    """Build as `library_encoder` does."""
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
    return from_pixels(network, image_shape, normalize, model_name(name))


def build_pretrained(
    name: str, image_shape: tuple[int, int, int], weights: str, classes: int
) -> Pretrained:
    """Build as `pretrained_classifier` does."""
    build, module, arguments = _find(name)
    if not weights.endswith(".h5"):
        heads = [classes == _IMAGENET_CLASSES]
    else:
        _check_file(weights)
        heads = [True, False]  # the file does not say
    network = None
    while network is None:
        with_head = heads.pop(0)
        try:
            network = _call(
                name,
                build,
                arguments,
                include_top=with_head,
                weights=weights,
                input_shape=image_shape,
            )
        except InputError:
            if not heads:
                raise
    # Each family's `preprocess_input`, in layers.
    family = module.__name__.rpartition(".")[2]
    normalize = partial(convert_pixels, pixels=Pixels.read(family))
    model = from_pixels(network, image_shape, normalize, model_name(name))
    classifier = ImageClassifier.for_classes(model, classes)
    return Pretrained(classifier, with_head and classes == _IMAGENET_CLASSES)


def _check_file(weights: str) -> None:
    if not Path(weights).is_file():
        raise InputError(
            f"`weights` must be a `.keras` file, a `.h5` file or {WEIGHTS}. "
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
        hint = "Choose other arguments or another image size."
        if ours["weights"]:
            hint = (
                "Where they cannot be downloaded, give a local file: a .keras "
                "file of the whole classifier, or the .h5 file as `weights`."
            )
        raise InputError(
            "A network of keras.applications must be built, with its weights. "
            f"Received: network={name!r}, image shape {ours['input_shape']}, "
            f"weights={ours['weights']} ({first_line(error)}). {hint}"
        ) from error
