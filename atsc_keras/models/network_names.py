"""Which names networks have; no framework is needed to know them."""

import difflib
import re
from typing import NamedTuple

from atsc_keras.errors import InputError, shortened

APPLICATIONS = "keras.applications/"
PRESETS = ("keras_hub/", "keras_cv/")
PREFIXES = (APPLICATIONS, *PRESETS)
# What weights of a library are called, its files apart.
APPLICATIONS_WEIGHTS = "imagenet"
PRESET_WEIGHTS = "preset"
NAMED = (
    *("vgg8", "vgg13", "MobileNetV2", "MobileNetV2_1_0"),
    *("ShuffleV1", "ShuffleV2", "ShuffleV2_1_5"),
)
_RESNET = re.compile(r"resnet(\d{1,9})(?:x(\d{1,9}(?:\.\d{1,9})?))?")
# Far above what was published, which has 1,202 layers and 640 channels.
_DEEPEST = 2000
_WIDEST = 10_000
_EXAMPLES = (
    *("resnet8", "resnet20", "resnet32", "resnet56", "resnet110"),
    *("resnet14x2", "resnet38x2", "resnet8x4", "resnet32x4", "resnet8x0.25"),
    *NAMED,
)


class ResNet(NamedTuple):
    """What the name of a CIFAR ResNet says.

    Attributes:
        depth: its layers with weights.
        widths: channels of the stem and the three stages.
    """

    depth: int
    widths: tuple[int, int, int, int]


def network_names() -> list[str]:
    """List every name that `build_encoder` knows, or its pattern."""
    patterns = ["resnet<depth>", "resnet<depth>x<multiplier>"]
    return [*patterns, *NAMED, *(f"{prefix}<name>" for prefix in PREFIXES)]


def is_of_library(name: str) -> bool:
    """Tell whether a network's name begins with that of a library."""
    return name.startswith(PREFIXES)


def are_of_library(weights: str, network: str) -> bool:
    """Tell whether weights are a library's own, not a saved classifier."""
    return weights in (APPLICATIONS_WEIGHTS, PRESET_WEIGHTS) or (
        weights.endswith(".h5") and is_of_library(network)
    )


def resnet_widths(multiplier: float) -> tuple[int, int, int, int]:
    """Count the channels of stem and stages for a width multiplier.

    The published wide networks double or quadruple the stages (16, 32, 64)
    but give the stem half of the first stage.
    """
    stages = [round(multiplier * width) for width in (16, 32, 64)]
    stem = stages[0] // 2 if multiplier > 1 else stages[0]
    return stem, stages[0], stages[1], stages[2]


def check_network_name(name: str) -> ResNet | None:
    """See that a network can be built by its name.

    Returns:
        What the name of a ResNet says; None for other networks.

    Raises:
        InputError: if no network has it. What comes behind the prefix of a
            library is that library's matter.
    """
    if name in NAMED or is_of_library(name):
        return None
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
    if depth > _DEEPEST or max(widths) > _WIDEST:
        raise InputError(
            f"A `network` must have at most {_DEEPEST} layers and {_WIDEST} "
            f"channels. Received: network={name!r}, {depth} layers, channels "
            f"{widths}. Use a smaller one."
        )
    if depth < 8 or (depth - 2) % 6:
        raise InputError(
            f"`network` must be {', '.join(NAMED)}, `resnet<depth>` or "
            "`resnet<depth>x<multiplier>` with a depth of 6n + 2, or "
            f"{', '.join(f'`{x}<name>`' for x in PREFIXES)}. Received: "
            f"network={shortened(name)!r}. Nearest: "
            f"{', '.join(_nearest(name))}."
        )
    return ResNet(depth, widths)


def _nearest(name: str) -> list[str]:
    spelled = {example.lower(): example for example in _EXAMPLES}
    near = difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.0)
    return [spelled[example] for example in near]
