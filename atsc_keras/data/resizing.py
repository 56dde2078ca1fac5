"""Images of one size -> images of another."""

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.tensorflow_import import import_tensorflow
from atsc_keras.types import Tensor

_IMAGES_AT_A_TIME = 256


def resize_pixels(images: Tensor, size: int) -> Tensor:
    """Resizes bilinearly, in a graph or eagerly.

    Args:
        images: uint8 (H, W, C) or (B, H, W, C).
        size: Height and width of the result; the aspect ratio is not kept.

    Returns:
        uint8 images, rounded.
    """
    tf = import_tensorflow()
    # Antialiasing matters when images shrink and changes nothing otherwise.
    resized = tf.image.resize(images, (size, size), "bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), "uint8")


def resize_array(
    images: NDArray[np.uint8], size: int | None
) -> NDArray[np.uint8]:
    """Resizes an array of images.

    Args:
        images: uint8 (N, H, W, C).
        size: Height and width of the result; None = as they are.

    Returns:
        uint8 (N, size, size, C).
    """
    if size is None or images.shape[1:3] == (size, size):
        return images
    tf = import_tensorflow()
    resized = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    with tf.device("CPU:0"):
        for start in range(0, len(images), _IMAGES_AT_A_TIME):
            part = slice(start, start + _IMAGES_AT_A_TIME)
            resized[part] = resize_pixels(images[part], size).numpy()
    return resized
