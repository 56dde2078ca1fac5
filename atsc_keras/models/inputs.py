"""What a network wants of its input, made layers in front of it."""

from collections.abc import Callable
from typing import Any

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import (
    functional_form,
    has_graph,
    leaf_layers,
    rewire,
)
from atsc_keras.pixels import PLAIN, Pixels
from atsc_keras.types import Shape, Tensor

_REVERSED = [2, 1, 0]
_CHANNELS = (1, 3, 4)
_FIRST = "channels_first"


def convert_pixels(
    images: Tensor, pixels: Pixels, name: str = "normalization"
) -> Tensor:
    """Turn plain pixels into what a network wants, by stock layers.

    Args:
        images: symbolic, RGB from 0 to 255, `(B, H, W, C)`.
        pixels: what it wants.
        name: of the layer.

    Returns:
        The same images, as wanted.
    """
    if pixels.is_plain:
        return images
    if pixels.bgr:
        # Not by a flip: TFLite's reverses int8 images wrongly.
        images = keras.ops.take(images, _REVERSED, axis=-1)
    scale, offset = (
        list(x) if len(set(x)) > 1 else x[0]
        for x in (pixels.scale, pixels.offset)
    )
    return keras.layers.Rescaling(scale, offset, name=name)(images)


def with_plain_input(
    model: keras.Model,
    pixels: Any = None,
    *,
    size: tuple[int, int] | None = None,
    permute: bool = False,
    what: str = "pixels",
) -> keras.Model:
    """Make a model take plain pixels: RGB from 0 to 255, `(B, H, W, C)`.

    In front of it comes what it wants of them, as stated, or as the
    preprocessor of a KerasHub task does it.

    Args:
        model: with a graph and one input; its own layers are used, not
            copies.
        pixels: what it wants, as `Pixels.read` takes it; default: plain
            pixels, or what its own preprocessor makes.
        size: height and width of a model of any; default: left open, or that
            of its preprocessor.
        permute: whether a model of channels first gets a Permute in front;
            default: it is refused.
        what: how a message calls `pixels`.

    Returns:
        The model; itself where it takes them already.

    Raises:
        InputError: if the statement cannot be read, is for another number of
            channels, or stands beside a preprocessor; or if the model has
            channels first, or a preprocessor that no layer can stand for.
    """
    wanted = None if pixels is None else Pixels.read(pixels, what)
    if not has_graph(model) or len(model.inputs) != 1:
        if wanted is None or wanted.is_plain:
            return model
        raise InputError(
            f"`{what}` becomes a layer in front of a model with a graph and "
            f"one input. Received: {what}={wanted.name}, a model "
            f"{type(model).__name__}. Build it on keras.Input."
        )
    own = _preprocessing(model)
    if own is not None and wanted is not None:
        raise InputError(
            f"`{what}` must be left out where a model brings its own "
            f"preprocessor. Received: {what}={wanted.name}, {model.name} "
            f"with a {own.name}. Leave it out, or set model.preprocessor = "
            "None."
        )
    wanted = wanted or own or PLAIN
    shape = given = tuple(model.inputs[0].shape[1:])
    first = has_channels_first(model)
    if first:
        if not permute:
            raise InputError(
                "A model must take images with channels last (channels_last), "
                f"(height, width, channels). Received: {model.name} with "
                f"channels_first, input {shape}. Rebuild it with "
                'data_format="channels_last" and copy the weights by '
                "set_weights: kernels are the same in both."
            )
        shape = (*shape[1:], shape[0])
    if len(shape) == 3 and None in shape[:2]:
        shape = (*(size or _preprocessed_size(model) or shape[:2]), shape[2])
    if shape == given and wanted.is_plain:
        return model
    if wanted.channels not in (None, shape[-1]):
        raise InputError(
            f"`{what}` must fit the channels of the model. Received: "
            f"{what}={wanted.name} for {wanted.channels} channels, "
            f"{model.name} with input {given}. Give one number a channel, or "
            "a range."
        )

    def front(images: Tensor) -> Tensor:
        x = convert_pixels(images, wanted, _free_name(model, "pixels"))
        if first:
            name = _free_name(model, "to_channels_first")
            x = keras.layers.Permute((3, 1, 2), name=name)(x)
        return x

    return _behind(model, shape, front)


def has_channels_first(model: keras.Model) -> bool:
    """Tell whether a model takes images `(B, C, H, W)`.

    By its input's shape and the layout that its layers name.
    """
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or shape[0] not in _CHANNELS or shape[2] in _CHANNELS:
        return False
    layouts = (getattr(x, "data_format", None) for x in leaf_layers(model))
    return _FIRST in layouts


def _free_name(model: keras.Model, name: str) -> str:
    while any(layer.name == name for layer in model.layers):
        name += "_"
    return name


def _behind(
    model: keras.Model, shape: Shape, front: Callable[[Tensor], Tensor]
) -> keras.Model:
    """Call a model's layers on what `front` makes of images of a shape."""
    plain = functional_form(model)
    images = keras.Input(shape, name="image")
    made = front(images)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(
            lambda x: made if x is images else x, (args, kwargs)
        )
        return layer(*args, **kwargs)

    given = keras.tree.pack_sequence_as(plain.input, [images])
    wired = rewire(plain, call, given)
    return keras.Model(images, wired.output, name=model.name)


# === Preprocessors of KerasHub ===


def _preprocessing(model: Any) -> Pixels | None:
    """Tell what a KerasHub task does to pixels before it is called."""
    preprocessor = getattr(model, "preprocessor", None)
    if preprocessor is None or not _is_of_keras_hub(model):
        return None
    converter = getattr(preprocessor, "image_converter", None)
    name = type(preprocessor).__name__
    stock = _calls_as(preprocessor, "ImageClassifierPreprocessor") and (
        converter is None or _calls_as(converter, "ImageConverter")
    )
    if not stock:
        raise InputError(
            "The preprocessor of a model must be one that scales and shifts "
            "pixels, which then becomes a layer. Received: "
            f"{model.name} with a {name}, which computes on its own. Set "
            "model.preprocessor = None and say `pixels`, or put layers that "
            "do the same in front."
        )
    scale, offset = (
        (neutral,) if x is None else tuple(map(float, keras.tree.flatten(x)))
        for x, neutral in (
            (getattr(converter, "scale", None), 1.0),
            (getattr(converter, "offset", None), 0.0),
        )
    )
    found = Pixels(name, scale, offset)
    return None if found.is_plain else found


def _preprocessed_size(model: Any) -> tuple[int, int] | None:
    converter = getattr(
        getattr(model, "preprocessor", None), "image_converter", None
    )
    return getattr(converter, "image_size", None)


def _is_of_keras_hub(model: Any) -> bool:
    return any(c.__module__.startswith("keras_hub.") for c in type(model).mro())


def _calls_as(layer: Any, name: str) -> bool:
    """Tell whether a layer computes as the library's class of a name does."""
    return any(
        c.__name__ == name and vars(c).get("call") is type(layer).call
        for c in type(layer).mro()
    )
