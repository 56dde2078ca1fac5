"""Encoders by the names that papers give them."""

import difflib
import re
from collections.abc import Sequence

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.resnet import resnet_features
from atsc_keras.types import Tensor

_RESNET = re.compile(r"resnet(\d+)(?:x(\d+(?:\.\d+)?))?")
_EXAMPLES = (
    "resnet8",
    "resnet20",
    "resnet32",
    "resnet56",
    "resnet110",
    "resnet14x2",
    "resnet38x2",
    "resnet8x4",
    "resnet32x4",
    "resnet8x0.25",
)


def resnet_widths(multiplier: float) -> tuple[int, int, int, int]:
    """Channels of stem and stages for a width multiplier.

    The published wide networks double or quadruple the stages (16, 32, 64)
    but give the stem half of the first stage.
    """
    stages = [round(multiplier * width) for width in (16, 32, 64)]
    stem = stages[0] // 2 if multiplier > 1 else stages[0]
    return stem, stages[0], stages[1], stages[2]


def normalize(
    images: Tensor, mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """Subtract `mean` and divide by `std`, per channel, in pixel units.

    A Rescaling layer, because it survives every exporter and needs no state.
    """
    return keras.layers.Rescaling(
        scale=[1.0 / s for s in std],
        offset=[-m / s for m, s in zip(mean, std, strict=True)],
        name="normalization",
    )(images)


def build_encoder(
    name: str,
    image_shape: tuple[int, int, int],
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> keras.Model:
    """Build an encoder, image -> feature map, by its name in the literature.

    Args:
        name: `resnet<depth>` or `resnet<depth>x<width multiplier>`: the CIFAR
            ResNet family, for instance `resnet32x4` or `resnet8x0.25`.
        image_shape: `(height, width, channels)`.
        mean: of each channel, in pixel units [0, 255]; default 127.5.
        std: likewise; default 127.5, which maps pixels to [-1, 1].

    Returns:
        A functional model from float32 pixels in [0, 255], `(B, H, W, C)`,
        normalised by its first layer, to the last feature map.

    Raises:
        InputError: if no network has this name.
    """
    match = _RESNET.fullmatch(name)
    depth = int(match[1]) if match else 0
    multiplier = float(match[2] or 1) if match else 0.0
    widths = resnet_widths(multiplier)
    if match and min(widths) < 1:
        raise InputError(
            "The multiplier of a `network` must leave at least one channel. "
            f"Received: network={name!r}, channels {widths}. Use a larger "
            "one."
        )
    if depth < 8 or (depth - 2) % 6:
        near = difflib.get_close_matches(name, _EXAMPLES, n=3, cutoff=0.0)
        raise InputError(
            "`network` must be `resnet<depth>` or `resnet<depth>x<multiplier>`"
            f" with a depth of 6n + 2. Received: network={name!r}. "
            f"Nearest: {', '.join(near)}."
        )
    channels = image_shape[-1]
    images = keras.Input(image_shape, name="image")
    x = normalize(
        images,
        mean if mean is not None else [127.5] * channels,
        std if std is not None else [127.5] * channels,
    )
    features = resnet_features(x, depth, widths)
    return keras.Model(images, features, name=name.replace(".", "_"))
