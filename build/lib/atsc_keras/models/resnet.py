"""The residual networks that the distillation literature uses at 32 pixels."""

from collections.abc import Sequence

import keras

from atsc_keras.models.building_blocks import batch_norm, conv, relu
from atsc_keras.types import Tensor


def residual_block(x: Tensor, filters: int, strides: int, name: str) -> Tensor:
    """Add two 3x3 convolutions to a shortcut, projected where shapes change."""
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = conv(x, filters, 1, f"{name}_shortcut_conv", strides)
        shortcut = batch_norm(f"{name}_shortcut_bn")(shortcut)
    x = conv(x, filters, 3, f"{name}_conv1", strides)
    x = batch_norm(f"{name}_bn1")(x)
    x = relu(x, f"{name}_relu1")
    x = conv(x, filters, 3, f"{name}_conv2")
    x = batch_norm(f"{name}_bn2")(x)
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return relu(x, f"{name}_relu2")


def resnet_features(x: Tensor, depth: int, widths: Sequence[int]) -> Tensor:
    """Run the CIFAR ResNet of He et al. on normalised images.

    Args:
        x: images, `(B, H, W, C)`, already normalised.
        depth: number of weighted layers, 6n + 2.
        widths: channels of the stem and of the three stages, which run at
            full, half and quarter resolution.

    Returns:
        The last feature map, `(B, ceil(H/4), ceil(W/4), widths[3])`, after
        its ReLU.

    Raises:
        ValueError: if `depth` is not 6n + 2.

    Reference:
        He et al. 2016, "Deep residual learning", section 4.2; the shortcut
        of a block that changes shape is a 1x1 convolution (option B).
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(
            "`depth` of a CIFAR ResNet must be 6n + 2. Received: "
            f"depth={depth}. Use 8, 14, 20, 32, 38, 56 or 110."
        )
    stem, *stages = widths
    x = conv(x, stem, 3, "stem_conv")
    x = batch_norm("stem_bn")(x)
    x = relu(x, "stem_relu")
    for stage, filters in enumerate(stages, start=1):
        for block in range((depth - 2) // 6):
            strides = 2 if stage > 1 and block == 0 else 1
            name = f"stage{stage}_block{block}"
            x = residual_block(x, filters, strides, name)
    return x
