"""Images of one size -> images of another."""

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.tensorflow_import import import_tensorflow
from atsc_keras.types import Tensor

_IMAGES_AT_A_TIME = 256


def resize_pixels(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Resizes bilinearly, in a graph or eagerly.

    Args:
        images: uint8 (H, W, C) or (B, H, W, C).
        size: Height and width of the result, or one number for both; the
            aspect ratio is not kept.

    Returns:
        uint8 images, rounded.
    """
    tf = import_tensorflow()
    if isinstance(size, int):
        size = (size, size)
    # Antialiasing matters when images shrink and changes nothing otherwise.
    resized = tf.image.resize(images, size, "bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), "uint8")


def frame_pixels(
    images: Tensor, size: int | None, short_side: int | None = None
) -> Tensor:
    """Brings images to one size, the same way every time.

    Args:
        images: uint8 (H, W, C) or (B, H, W, C).
        size: Height and width of the result; None = as they are.
        short_side: None = resized without regard to the aspect ratio;
            N = the short side resized to N, and the centre cut out.

    Returns:
        uint8 images.
    """
    tf = import_tensorflow()
    if size is None:
        return images
    if short_side is None:
        return resize_pixels(images, size)
    shape = tf.shape(images)[-3:-1]
    ratio = tf.cast(short_side, "float64") / tf.cast(
        tf.reduce_min(shape), "float64"
    )
    target = tf.cast(tf.round(tf.cast(shape, "float64") * ratio), "int32")
    resized = resize_pixels(images, target)
    top, left = tf.unstack((target - size) // 2)
    return resized[..., top : top + size, left : left + size, :]


def resize_array(
    images: NDArray[np.uint8], size: int | None, short_side: int | None = None
) -> NDArray[np.uint8]:
    """Brings an array of images to one size; see `frame_pixels`.

    Args:
        images: uint8 (N, H, W, C).
        size: Height and width of the result; None = as they are.
        short_side: Of the image whose centre it is, or None.

    Returns:
        uint8 (N, size, size, C).
    """
    as_it_is = images.shape[1:3] == (size, size) and short_side in (None, size)
    if size is None or as_it_is:
        return images
    tf = import_tensorflow()
    resized = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    with tf.device("CPU:0"):
        for start in range(0, len(images), _IMAGES_AT_A_TIME):
            part = slice(start, start + _IMAGES_AT_A_TIME)
            framed = frame_pixels(images[part], size, short_side)
            resized[part] = framed.numpy()
    return resized
