"""The residual networks that the distillation literature uses at 32 pixels."""

from collections.abc import Sequence

import keras

from atsc_keras.types import Tensor

# PyTorch's batch normalisation, on which every published number rests.
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-5

# With fewer channels the weight gradient of a strided 1x1 convolution writes
# outside its memory in TensorFlow 2.21 (oneDNN on a CPU), unless the batch is
# a multiple of the threads.
_FEWEST_CHANNELS_TO_STRIDE = 16


def kernel_initializer() -> keras.initializers.Initializer:
    """He initialisation on the fan-out, as in the published networks."""
    return keras.initializers.VarianceScaling(
        scale=2.0, mode="fan_out", distribution="untruncated_normal"
    )


def batch_norm(name: str) -> keras.layers.BatchNormalization:
    """Batch normalisation with PyTorch's momentum and epsilon."""
    return keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, name=name
    )


def conv(
    x: Tensor, filters: int, size: int, name: str, strides: int = 1
) -> Tensor:
    """Convolve without bias, padded alike on all four sides.

    Keras's "same" pads an even map at stride 2 on one side only, which the
    published networks do not.
    """
    if size > 1 and strides > 1:
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    if size == 1 and strides > 1 and x.shape[-1] < _FEWEST_CHANNELS_TO_STRIDE:
        # The same pixels, taken before instead of meanwhile.
        x = keras.layers.AveragePooling2D(
            1, strides=strides, name=f"{name}_subsample"
        )(x)
        strides = 1
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="valid" if strides > 1 else "same",
        use_bias=False,
        kernel_initializer=kernel_initializer(),
        name=name,
    )(x)


def residual_block(x: Tensor, filters: int, strides: int, name: str) -> Tensor:
    """Two 3x3 convolutions and a shortcut, projected where shapes change."""
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = conv(x, filters, 1, f"{name}_shortcut_conv", strides)
        shortcut = batch_norm(f"{name}_shortcut_bn")(shortcut)
    x = conv(x, filters, 3, f"{name}_conv1", strides)
    x = batch_norm(f"{name}_bn1")(x)
    x = keras.layers.ReLU(name=f"{name}_relu1")(x)
    x = conv(x, filters, 3, f"{name}_conv2")
    x = batch_norm(f"{name}_bn2")(x)
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu2")(x)


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
    x = keras.layers.ReLU(name="stem_relu")(x)
    for stage, filters in enumerate(stages, start=1):
        for block in range((depth - 2) // 6):
            strides = 2 if stage > 1 and block == 0 else 1
            name = f"stage{stage}_block{block}"
            x = residual_block(x, filters, strides, name)
    return x
