"""The ShuffleNets that the distillation literature uses at 32 pixels."""

from collections.abc import Sequence

import keras

from atsc_keras.models.building_blocks import (
    batch_norm,
    conv,
    depthwise_conv,
    relu,
    shuffle_channels,
)
from atsc_keras.types import Tensor

_STEM_CHANNELS = 24
_BOTTLENECK = 4  # a unit of version 1 narrows to a quarter of its output


def _stem(x: Tensor) -> Tensor:
    x = conv(x, _STEM_CHANNELS, 1, "stem_conv")
    x = batch_norm("stem_bn")(x)
    return relu(x, "stem_relu")


def _grouped_unit(
    x: Tensor, filters: int, groups: int, strides: int, name: str
) -> Tensor:
    """Run a ShuffleNet version 1 unit; at stride 2 it keeps its input too."""
    shortcut = x
    if strides > 1:
        # Zeros outside count in the means at the edge, as in PyTorch.
        shortcut = keras.layers.ZeroPadding2D(1, name=f"{name}_pool_pad")(x)
        shortcut = keras.layers.AveragePooling2D(
            3, strides=strides, name=f"{name}_pool"
        )(shortcut)
        filters -= x.shape[-1]
    inner = filters // _BOTTLENECK
    # Few channels come from the stem: the first unit does not group them.
    first_groups = 1 if x.shape[-1] == _STEM_CHANNELS else groups
    x = conv(x, inner, 1, f"{name}_conv1", groups=first_groups)
    x = batch_norm(f"{name}_bn1")(x)
    x = relu(x, f"{name}_relu1")
    if first_groups > 1:
        x = shuffle_channels(x, first_groups, f"{name}_shuffle")
    x = depthwise_conv(x, f"{name}_conv2", strides)
    x = batch_norm(f"{name}_bn2")(x)
    x = relu(x, f"{name}_relu2")
    x = conv(x, filters, 1, f"{name}_conv3", groups=groups)
    x = batch_norm(f"{name}_bn3")(x)
    if strides > 1:
        x = keras.layers.Concatenate(name=f"{name}_concatenate")([x, shortcut])
    else:
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return relu(x, f"{name}_relu3")


def shufflenet_v1_features(
    x: Tensor,
    widths: Sequence[int] = (240, 480, 960),
    blocks: Sequence[int] = (4, 8, 4),
    groups: int = 3,
) -> Tensor:
    """Run ShuffleNet version 1 on normalised images.

    Args:
        x: images, `(B, H, W, C)`, already normalised.
        widths: channels of the three stages, each of which halves the map.
        blocks: units of each stage.
        groups: of the 1x1 convolutions; default 3.

    Returns:
        The last feature map, at 1/8 of the resolution, after its ReLU.

    Reference:
        Zhang et al. 2018, "ShuffleNet", for 32 pixels as Tian et al. 2020
        (CRD) use it: a 1x1 stem at full resolution, and a ReLU between the
        depthwise and the last convolution of a unit.
    """
    x = _stem(x)
    for stage, (filters, count) in enumerate(
        zip(widths, blocks, strict=True), start=1
    ):
        for block in range(count):
            strides = 2 if block == 0 else 1
            name = f"stage{stage}_block{block}"
            x = _grouped_unit(x, filters, groups, strides, name)
    return x


def _pointwise(x: Tensor, filters: int, name: str, index: int) -> Tensor:
    x = conv(x, filters, 1, f"{name}_conv{index}")
    x = batch_norm(f"{name}_bn{index}")(x)
    return relu(x, f"{name}_relu{index}")


def _downsampling_unit(x: Tensor, filters: int, name: str) -> Tensor:
    """Run a unit of version 2 that halves the map: both branches convolve."""
    half = filters // 2
    left = depthwise_conv(x, f"{name}_conv1", 2)
    left = batch_norm(f"{name}_bn1")(left)
    left = _pointwise(left, half, name, 2)
    right = _pointwise(x, half, name, 3)
    right = depthwise_conv(right, f"{name}_conv4", 2)
    right = batch_norm(f"{name}_bn4")(right)
    right = _pointwise(right, half, name, 5)
    x = keras.layers.Concatenate(name=f"{name}_concatenate")([left, right])
    return shuffle_channels(x, 2, f"{name}_shuffle")


def _split_unit(x: Tensor, name: str) -> Tensor:
    """Run a unit of version 2 that leaves half of its channels alone."""
    half = x.shape[-1] // 2
    kept, rest = x[..., :half], x[..., half:]
    rest = _pointwise(rest, half, name, 1)
    rest = depthwise_conv(rest, f"{name}_conv2")
    rest = batch_norm(f"{name}_bn2")(rest)
    rest = _pointwise(rest, half, name, 3)
    x = keras.layers.Concatenate(name=f"{name}_concatenate")([kept, rest])
    return shuffle_channels(x, 2, f"{name}_shuffle")


def shufflenet_v2_features(
    x: Tensor,
    widths: Sequence[int] = (116, 232, 464),
    blocks: Sequence[int] = (4, 8, 4),
) -> Tensor:
    """Run ShuffleNet version 2, up to its last unit, on normalised images.

    Args:
        x: images, `(B, H, W, C)`, already normalised.
        widths: channels of the three stages, each of which halves the map.
        blocks: units of each stage.

    Returns:
        The last unit's map, at 1/8 of the resolution.

    Reference:
        Ma et al. 2018, "ShuffleNet V2", table 5, for 32 pixels as Tian et al.
        2020 (CRD) use it: a 1x1 stem at full resolution.
    """
    x = _stem(x)
    for stage, (filters, count) in enumerate(
        zip(widths, blocks, strict=True), start=1
    ):
        x = _downsampling_unit(x, filters, f"stage{stage}_block0")
        for block in range(1, count):
            x = _split_unit(x, f"stage{stage}_block{block}")
    return x
