"""Random erasing and grid mask: parts of an image are hidden."""

import math

import keras

from atsc_keras.config import AugmentationConfig
from atsc_keras.data.tensorflow import tf
from atsc_keras.data.tensorflow.augmentations.base import (
    Augmentation,
    for_tf_data,
    transform_with,
)
from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.types import Tensor

# The grid's unit as a share of the image's short side, as in KerasCV.
_SMALLEST_UNIT, _LARGEST_UNIT = 0.3, 0.5


def random_erasing(config: AugmentationConfig) -> Augmentation:
    """Make images with a rectangle of noise, by Keras's layer.

    Args:
        config: `probability` and `area`.

    Returns:
        See `build_augmentation`.

    Reference:
        Zhong et al. 2017, "Random erasing data augmentation"
        (arXiv 1708.04896).
    """
    layer = for_tf_data(
        keras.layers.RandomErasing(
            # Keras draws the probability itself from a range.
            factor=(config.probability, config.probability),
            scale=config.area,
            seed=0,
            dtype="float32",
        )
    )

    def hide(
        images: Tensor, labels: Tensor, key: TensorKey
    ) -> tuple[Tensor, Tensor]:
        return transform_with(layer, images, key), labels

    return hide


def grid_mask(config: AugmentationConfig) -> Augmentation:
    """Make images with a turned grid of black squares.

    Written here: KerasCV's layer draws from TensorFlow's stateful generators,
    and two of the same seed hide different pixels.

    Args:
        config: `probability` and `ratio`.

    Returns:
        See `build_augmentation`.

    Reference:
        Chen et al. 2020, "GridMask data augmentation" (arXiv 2001.04086).
    """

    def hide(
        images: Tensor, labels: Tensor, key: TensorKey
    ) -> tuple[Tensor, Tensor]:
        height, width = images.shape[1], images.shape[2]
        drawn = key.uniform([tf.shape(images)[0], 6])[..., None, None]
        chosen, size, hole, turn, right, down = tf.unstack(drawn, axis=1)
        unit = _SMALLEST_UNIT + size * (_LARGEST_UNIT - _SMALLEST_UNIT)
        unit *= min(height, width)
        smallest, largest = config.ratio
        ratio = smallest + hole * (largest - smallest)
        angle = 2 * math.pi * turn
        y = tf.range(height, dtype="float32")[None, :, None]
        x = tf.range(width, dtype="float32")[None, None, :]
        along = (x * tf.cos(angle) + y * tf.sin(angle)) / unit + right
        across = (y * tf.cos(angle) - x * tf.sin(angle)) / unit + down
        hidden = (along % 1.0 < ratio) & (across % 1.0 < ratio)
        hidden &= chosen < config.probability
        return tf.where(hidden[..., None], 0.0, images), labels

    return hide
