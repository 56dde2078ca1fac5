"""What the CIFAR networks and the projector are built of.

Each layer computes, and counts, what PyTorch's does, on which every published
number rests.
"""

from numbers import Real
from typing import Any

import keras

from atsc_keras.errors import InputError
from atsc_keras.types import Tensor

# PyTorch's batch normalisation.
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-5

# With fewer channels the weight gradient of a strided 1x1 convolution writes
# outside its memory in TensorFlow 2.21 (oneDNN on a CPU), unless the batch is
# a multiple of the threads.
_FEWEST_CHANNELS_TO_STRIDE = 16


def check_momentum(momentum: float) -> float:
    """Check a momentum of batch normalisation.

    Raises:
        InputError: if it is no number from 0 to under 1.
    """
    is_number = isinstance(momentum, Real) and not isinstance(momentum, bool)
    if not is_number or not 0 <= momentum < 1:
        raise InputError(
            "The momentum of batch normalisation must be from 0 to under 1. "
            f"Received: momentum={momentum!r}. Usual: {BATCH_NORM_MOMENTUM}."
        )
    return float(momentum)


def kernel_initializer() -> keras.initializers.Initializer:
    """Make He initialisation on the fan-out, as in the published networks."""
    return keras.initializers.VarianceScaling(
        scale=2.0, mode="fan_out", distribution="untruncated_normal"
    )


def batch_norm(
    name: str,
    momentum: float = BATCH_NORM_MOMENTUM,
    synchronized: bool = False,
) -> keras.layers.BatchNormalization:
    """Make batch normalisation with PyTorch's momentum and epsilon.

    Args:
        name: of the layer.
        momentum: share of the old statistics that a step keeps; default 0.9.
        synchronized: over the replicas of a batch; default False.
    """
    return keras.layers.BatchNormalization(
        momentum=momentum,
        epsilon=BATCH_NORM_EPSILON,
        synchronized=synchronized,
        name=name,
    )


def conv(
    x: Tensor,
    filters: int,
    size: int,
    name: str,
    strides: int = 1,
    **options: Any,
) -> Tensor:
    """Convolve, padded alike on all four sides.

    Keras's "same" pads an even map at stride 2 on one side only, which the
    published networks do not.

    Args:
        x: a map, `(B, h, w, C)`.
        filters: channels of the result.
        size: height and width of the window.
        name: of the layer.
        strides: of both axes; default 1.
        **options: of `Conv2D`; without a bias unless one is asked for, for
            batch normalisation has its own.

    Returns:
        A map `(B, ceil(h / strides), ceil(w / strides), filters)`.
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
        kernel_initializer=kernel_initializer(),
        name=name,
        **{"use_bias": False, **options},
    )(x)


def depthwise_conv(x: Tensor, name: str, strides: int = 1) -> Tensor:
    """Convolve each channel with a 3x3 window of its own, without bias."""
    if strides > 1:
        x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return keras.layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="valid" if strides > 1 else "same",
        use_bias=False,
        depthwise_initializer=kernel_initializer(),
        name=name,
    )(x)


def relu(x: Tensor, name: str) -> Tensor:
    """Rectify."""
    return keras.layers.ReLU(name=name)(x)


def shuffle_channels(x: Tensor, groups: int, name: str) -> Tensor:
    """Deal the channels of each group out to all groups.

    Args:
        x: a map, `(B, h, w, C)`.
        groups: must divide C.
        name: of the layers.

    Returns:
        The map with channel `g * (C / groups) + i` at `i * groups + g`.

    Reference:
        Zhang et al. 2018, "ShuffleNet", section 3.1.
    """
    height, width, channels = x.shape[1:]
    dealt = (height, width, groups, channels // groups)
    x = keras.layers.Reshape(dealt, name=f"{name}_split")(x)
    x = keras.layers.Permute((1, 2, 4, 3), name=f"{name}_deal")(x)
    return keras.layers.Reshape((height, width, channels), name=f"{name}_join")(
        x
    )
