"""MixUp and CutMix: two images of a batch become one, labels as well.

Written here, because the layers of Keras draw from generators that count,
and their methods that take a seed use it for several draws at once.
"""

from atsc_keras.config import AugmentationConfig
from atsc_keras.data.tensorflow import tf
from atsc_keras.data.tensorflow.augmentations.base import Augmentation
from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.types import Tensor


def mixup(config: AugmentationConfig) -> Augmentation:
    """Make the blend of each image with another one.

    Args:
        config: `probability` and `alpha`.

    Returns:
        See `build_augmentation`.

    Reference:
        Zhang et al. 2018, "mixup: beyond empirical risk minimization"
        (arXiv 1710.09412). Each image has a share of its own.
    """

    def mix(
        images: Tensor, labels: Tensor, key: TensorKey
    ) -> tuple[Tensor, Tensor]:
        count = tf.shape(images)[0]
        other = _partners(count, key)
        share = _shares(count, config, key)
        blended = _blend(images, tf.gather(images, other), share)
        return blended, _blend(labels, tf.gather(labels, other), share)

    return mix


def cutmix(config: AugmentationConfig) -> Augmentation:
    """Make images with a rectangle out of another one.

    Args:
        config: `probability` and `alpha`.

    Returns:
        See `build_augmentation`.

    Reference:
        Yun et al. 2019, "CutMix" (arXiv 1905.04899), algorithm A1. Each image
        has a rectangle of its own.
    """

    def mix(
        images: Tensor, labels: Tensor, key: TensorKey
    ) -> tuple[Tensor, Tensor]:
        count = tf.shape(images)[0]
        height, width = images.shape[1], images.shape[2]
        other = _partners(count, key)
        side = tf.sqrt(1.0 - _shares(count, config, key))
        centres = key.extend(3).uniform([count, 2])
        rows = _between(centres[:, 0], side, height)
        columns = _between(centres[:, 1], side, width)
        inside = rows[:, :, None] & columns[:, None, :]
        mixed = tf.where(inside[..., None], tf.gather(images, other), images)
        # Of the pixels that really came: a rectangle may reach outside.
        share = 1.0 - tf.reduce_mean(tf.cast(inside, "float32"), axis=(1, 2))
        return mixed, _blend(labels, tf.gather(labels, other), share)

    return mix


def _partners(count: Tensor, key: TensorKey) -> Tensor:
    return key.extend(0).permutation(count)


def _shares(
    count: Tensor, config: AugmentationConfig, key: TensorKey
) -> Tensor:
    """Draw what is kept of each image: Beta(alpha, alpha), or 1."""
    # float64: with a small alpha, both may be 0 in float32.
    gammas = tf.random.stateless_gamma(
        [count, 2], key.extend(1).words, config.alpha, dtype="float64"
    )
    share = tf.math.divide_no_nan(gammas[:, 0], tf.reduce_sum(gammas, axis=1))
    chosen = key.extend(2).uniform([count]) < config.probability
    return tf.where(chosen, tf.cast(share, "float32"), 1.0)


def _blend(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    share = tf.reshape(share, [-1, *[1] * (len(first.shape) - 1)])
    return share * first + (1.0 - share) * second


def _between(centre: Tensor, side: Tensor, pixels: int) -> Tensor:
    """Mark the pixels of each image that lie in an interval, (B, pixels)."""
    middle = (tf.range(pixels, dtype="float32") + 0.5) / pixels
    return tf.abs(middle[None] - centre[:, None]) < side[:, None] / 2
