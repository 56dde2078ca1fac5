"""The MobileNetV2 that the distillation literature uses at 32 pixels."""

import keras

from atsc_keras.models.building_blocks import (
    batch_norm,
    conv,
    depthwise_conv,
    relu,
)
from atsc_keras.types import Tensor

_STEM_CHANNELS = 32
_EXPANSION = 6
# Expansion, channels, blocks and first stride of each stage.
_STAGES = (
    (1, 16, 1, 1),
    (_EXPANSION, 24, 2, 1),
    (_EXPANSION, 32, 3, 2),
    (_EXPANSION, 64, 4, 2),
    (_EXPANSION, 96, 3, 1),
    (_EXPANSION, 160, 3, 2),
    (_EXPANSION, 320, 1, 1),
)


def inverted_residual(
    x: Tensor, filters: int, expansion: int, strides: int, name: str
) -> Tensor:
    """Expand, convolve each channel, and reduce without a ReLU."""
    shortcut = x
    x = conv(x, expansion * x.shape[-1], 1, f"{name}_expand_conv")
    x = batch_norm(f"{name}_expand_bn")(x)
    x = relu(x, f"{name}_expand_relu")
    x = depthwise_conv(x, f"{name}_depthwise_conv", strides)
    x = batch_norm(f"{name}_depthwise_bn")(x)
    x = relu(x, f"{name}_depthwise_relu")
    x = conv(x, filters, 1, f"{name}_reduce_conv")
    x = batch_norm(f"{name}_reduce_bn")(x)
    if strides == 1 and shortcut.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def mobilenet_v2_features(x: Tensor, multiplier: float = 1.0) -> Tensor:
    """Run MobileNetV2, up to its last block, on normalised images.

    Args:
        x: images, `(B, H, W, C)`, already normalised.
        multiplier: of all widths; default 1.

    Returns:
        The last block's map, at 1/16 of the resolution and with
        `320 * multiplier` channels; no ReLU follows it.

    Reference:
        Sandler et al. 2018, "MobileNetV2", table 2, for 32 pixels as Tian et
        al. 2020 (CRD) use it: one stride of 2 fewer, ReLU in place of ReLU6.
    """
    x = conv(x, int(_STEM_CHANNELS * multiplier), 3, "stem_conv", 2)
    x = batch_norm("stem_bn")(x)
    x = relu(x, "stem_relu")
    for stage, (expansion, filters, blocks, strides) in enumerate(_STAGES, 1):
        for block in range(blocks):
            x = inverted_residual(
                x,
                int(filters * multiplier),
                expansion,
                strides if block == 0 else 1,
                f"stage{stage}_block{block}",
            )
    return x
