"""Arrays of images of one size -> of another, without TensorFlow."""

import numpy as np
from numpy.typing import NDArray

_IMAGES_AT_A_TIME = 256


def resize_array(
    images: NDArray[np.uint8], size: int | None, short_side: int | None = None
) -> NDArray[np.uint8]:
    """Bring an array of images to one size, as `frame_pixels` does.

    By numpy, so that images in memory need no TensorFlow; where a value lies
    between two, the two may round apart.

    Args:
        images: uint8 (N, H, W, C).
        size: height and width of the result; None = as they are.
        short_side: as for `frame_pixels`.

    Returns:
        uint8 (N, size, size, C).
    """
    stored = images.shape[1:3]
    as_it_is = stored == (size, size) and short_side in (None, size)
    if size is None or as_it_is:
        return images
    target = (size, size)
    if short_side is not None:
        ratio = short_side / min(stored)
        target = (round(stored[0] * ratio), round(stored[1] * ratio))
    rows, columns = (
        _bilinear_weights(new, old)[(new - size) // 2 :][:size]
        for new, old in zip(target, stored, strict=True)
    )
    resized = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for start in range(0, len(images), _IMAGES_AT_A_TIME):
        part = slice(start, start + _IMAGES_AT_A_TIME)
        # Rows, then columns, of (N, rows, columns, channels).
        values = np.tensordot(rows, images[part].astype("float32"), (1, 1))
        values = np.tensordot(columns, values, (1, 2)).transpose(2, 1, 0, 3)
        resized[part] = np.clip(np.rint(values), 0.0, 255.0)
    return resized


def _bilinear_weights(new: int, old: int) -> NDArray[np.float32]:
    """Weigh what each old pixel of a line gives to each new: (new, old)."""
    # Antialiased: a new pixel looks as far as it is wide.
    reach = max(old / new, 1.0)
    centres = (np.arange(new) + 0.5) * old / new - 0.5
    away = np.abs(centres[:, None] - np.arange(old)) / reach
    weights = np.maximum(1.0 - away, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype("float32")
