"""The VGG networks that the distillation literature uses at 32 pixels."""

from collections.abc import Sequence

import keras

from atsc_keras.models.building_blocks import batch_norm, conv, relu
from atsc_keras.types import Tensor

_STAGE_WIDTHS = (64, 128, 256, 512, 512)
_POOLED_STAGES = 3  # halve the map after them; the last two run at 1/8


def vgg_features(
    x: Tensor,
    convolutions: int,
    widths: Sequence[int] = _STAGE_WIDTHS,
) -> Tensor:
    """Run a VGG without its fully connected layers on normalised images.

    Args:
        x: images, `(B, H, W, C)`, already normalised.
        convolutions: in each stage: 1 in VGG-8, 2 in VGG-13.
        widths: channels of the stages.

    Returns:
        The last feature map, `(B, H // 8, W // 8, widths[-1])`, after its
        ReLU.

    Reference:
        Simonyan and Zisserman 2015, "Very deep convolutional networks", with
        batch normalisation, as Tian et al. 2020 (CRD) use it: convolutions
        keep their bias, the last two stages share one resolution.
    """
    for stage, filters in enumerate(widths, start=1):
        for index in range(1, convolutions + 1):
            name = f"stage{stage}_conv{index}"
            x = conv(x, filters, 3, name, use_bias=True)
            x = batch_norm(f"stage{stage}_bn{index}")(x)
            x = relu(x, f"stage{stage}_relu{index}")
        if stage <= _POOLED_STAGES:
            x = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
    return x
