"""Networks of KerasHub and KerasCV: presets, or backbones by their class.

Neither is imported before a network of it is asked for: KerasCV is slow and
needs TensorFlow.
"""

import difflib
import importlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from atsc_keras.errors import InputError, first_line
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.libraries.call_text import (
    model_name,
    read_arguments,
    split_call,
)
from atsc_keras.models.libraries.pixels import from_pixels
from atsc_keras.models.libraries.pretrained import Pretrained
from atsc_keras.types import Tensor

_BACKBONE = "Backbone"
_CLASSIFIER = "_classifier"  # ends KerasCV's presets of whole classifiers
_OURS = ("image_shape", "input_shape", "input_tensor", "include_rescaling")


def build_encoder(
    name: str,
    image_shape: tuple[int, int, int],
    normalize: Callable[[Tensor], Tensor],
) -> keras.Model:
    """Build as `library_encoder` does."""
    library, asked = _find(name)
    call = split_call(asked)
    if call is None or not call[0].endswith(_BACKBONE):
        load = partial(library.models.Backbone.from_preset, asked)
        network = _attempt(name, image_shape, partial(load, load_weights=False))
    else:
        build = _class(name, library, call[0])
        given = read_arguments(name, call[1], build, _OURS)
        taken = inspect.signature(build).parameters
        key = "image_shape" if "image_shape" in taken else "input_shape"
        given[key] = image_shape
        if "include_rescaling" in taken:
            given["include_rescaling"] = False
        network = _attempt(name, image_shape, partial(build, **given))
    wrap = partial(from_pixels, network, image_shape, normalize)
    return _attempt(name, image_shape, partial(wrap, model_name(name)))


def build_pretrained(
    name: str, image_shape: tuple[int, int, int], classes: int
) -> Pretrained:
    """Build as `pretrained_classifier` does."""
    library, preset = _find(name)
    kind = library.models.ImageClassifier
    if library.__name__ == "keras_cv" and not preset.endswith(_CLASSIFIER):
        kind = library.models.Backbone
    load = partial(kind.from_preset, preset)
    network = _attempt(name, image_shape, load)
    normalize = partial(_as_trained, name=name, network=network)
    wrap = partial(from_pixels, network, image_shape, normalize)
    model = _attempt(name, image_shape, partial(wrap, model_name(name)))
    classifier = ImageClassifier.for_classes(model, classes)
    known = len(model.output_shape) == 2 and model.output_shape[-1] == classes
    return Pretrained(classifier, known)


def _find(name: str) -> tuple[Any, str]:
    """Find the library, and what of it is asked for."""
    package, _, asked = name.partition("/")
    try:
        return importlib.import_module(package), asked
    except ImportError as error:
        raise InputError(
            f"A network of {package} needs that package. Received: "
            f"network={name!r} ({first_line(error)}). Run pip install "
            f"{package.replace('_', '-')}."
        ) from error


def _class(name: str, library: Any, asked: str) -> Callable[..., keras.Model]:
    found = getattr(library.models, asked, None)
    if found is None:
        backbones = [x for x in vars(library.models) if x.endswith(_BACKBONE)]
        near = difflib.get_close_matches(asked, backbones, cutoff=0.0)
        prefix = f"{library.__name__}/"
        raise InputError(
            f"`network` must be {prefix} and a preset or a backbone of that "
            f"library. Received: network={name!r}. Nearest: "
            f"{', '.join(prefix + other for other in near)}."
        )
    build: Callable[..., keras.Model] = found
    return build


def _attempt(
    name: str, image_shape: tuple[int, int, int], build: Callable[[], Any]
) -> Any:
    try:
        return build()
    except InputError:
        raise
    except Exception as error:  # of many kinds, downloads among them
        raise InputError(
            "A network of a library must be built from its arguments, or from "
            "a preset that can be had. Received: "
            f"network={name!r}, image shape {image_shape} "
            f"({first_line(error)}). Where presets cannot be downloaded, "
            "name a local folder of one (keras_hub/./FOLDER), a backbone with "
            "its arguments, or a .keras file as `weights`."
        ) from error


def _as_trained(images: Tensor, name: str, network: Any) -> Tensor:
    """Normalise pixels as a preset's own converter does."""
    preprocessor = getattr(network, "preprocessor", None)
    converter = getattr(preprocessor, "image_converter", None)
    if converter is None:
        raise InputError(
            "A preset must say how its pixels are normalised: in a layer of "
            f"its own or an image converter. Received: network={name!r}, "
            "which has neither. Save it with its preprocessor."
        )
    scale, offset = converter.scale, converter.offset
    return keras.layers.Rescaling(
        scale=1.0 if scale is None else scale,
        offset=0.0 if offset is None else offset,
        name="normalization",
    )(images)
