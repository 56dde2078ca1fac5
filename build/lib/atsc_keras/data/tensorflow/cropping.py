"""Images -> one size: whole, their centre, or a random window of each."""

import math
from dataclasses import dataclass

from atsc_keras.data.tensorflow import tf
from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.types import Tensor

# Of Inception's crop and everybody's since.
_NARROWEST, _WIDEST = 3 / 4, 4 / 3
_ATTEMPTS = 10


@dataclass(frozen=True)
class RandomWindow:
    """Where training images are cropped.

    Attributes:
        area: smallest and largest share of an image's area.
        key: decides the windows.
    """

    area: tuple[float, ...]
    key: TensorKey

    def of(self, number: Tensor) -> "RandomWindow":
        """Narrow it to one example of many, an integer."""
        return RandomWindow(self.area, self.key.extend(number))


def resize_pixels(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Resize bilinearly, in a graph or eagerly.

    Args:
        images: uint8 (H, W, C) or (B, H, W, C).
        size: height and width of the result, or one number for both; the aspect
            ratio is not kept.

    Returns:
        uint8 images, rounded.
    """
    if isinstance(size, int):
        size = (size, size)
    # Antialiasing matters when images shrink and changes nothing otherwise.
    resized = tf.image.resize(images, size, "bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), "uint8")


def frame_pixels(
    images: Tensor, size: int | None, short_side: int | None = None
) -> Tensor:
    """Bring images to one size, the same way every time.

    Args:
        images: uint8 (H, W, C) or (B, H, W, C).
        size: height and width of the result; None = as they are.
        short_side: None = resized without regard to the aspect ratio; N = the
            short side resized to N, and the centre cut out.

    Returns:
        uint8 images.
    """
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


def draw_windows(
    count: Tensor | int, height: Tensor, width: Tensor, window: RandomWindow
) -> Tensor:
    """Draw windows inside images of one size.

    Each has a share of the area drawn evenly and an aspect ratio between 3/4
    and 4/3 drawn evenly on a log scale. Where ten draws do not fit, it is the
    largest centred one whose aspect ratio is in that range.

    Args:
        count: how many.
        height: pixels of an image.
        width: likewise.
        window: decides.

    Returns:
        int32 (count, 4): top, left, height, width.

    Reference:
        Szegedy et al. 2015, "Going deeper with convolutions", section 6.
    """
    full_height = tf.cast(height, "float32")
    full_width = tf.cast(width, "float32")
    drawn = tf.unstack(window.key.uniform([count, _ATTEMPTS, 4]), axis=-1)
    smallest, largest = window.area
    area = full_height * full_width
    area *= smallest + drawn[0] * (largest - smallest)
    low, high = math.log(_NARROWEST), math.log(_WIDEST)
    aspect = tf.exp(low + drawn[1] * (high - low))
    heights = tf.round(tf.sqrt(area / aspect))
    widths = tf.round(tf.sqrt(area * aspect))
    fits = (heights <= full_height) & (widths <= full_width)
    fits &= (heights >= 1) & (widths >= 1)
    # One after all of them, which fits in any case.
    rows = _one_more(heights, tf.minimum(full_height, full_width / _NARROWEST))
    columns = _one_more(widths, tf.minimum(full_width, full_height * _WIDEST))
    ups = _one_more(drawn[2], 0.5)
    lefts = _one_more(drawn[3], 0.5)
    fits = tf.pad(fits, [[0, 0], [0, 1]], constant_values=True)
    first = tf.argmax(tf.cast(fits, "int32"), axis=1)
    rows, columns, ups, lefts = (
        tf.gather(x, first, batch_dims=1) for x in (rows, columns, ups, lefts)
    )
    rows = tf.maximum(tf.floor(rows), 1.0)
    columns = tf.maximum(tf.floor(columns), 1.0)
    top = tf.floor(ups * (full_height - rows + 1))
    left = tf.floor(lefts * (full_width - columns + 1))
    return tf.cast(tf.stack([top, left, rows, columns], axis=1), "int32")


def crop_batch(
    images: Tensor, size: tuple[int, int], window: RandomWindow
) -> Tensor:
    """Resize a random window of each image bilinearly.

    Args:
        images: uint8 (B, H, W, C); H, W and C static.
        size: height and width of the result.
        window: decides.

    Returns:
        uint8 (B, *size, C), rounded.
    """
    count = tf.shape(images)[0]
    height, width = images.shape[1], images.shape[2]
    windows = draw_windows(count, height, width, window)
    top, left, rows, columns = tf.unstack(tf.cast(windows, "float32"), axis=1)
    # `crop_and_resize` measures between the centres of the corner pixels.
    first_row, last_row = _ends(top, rows, size[0], height)
    first_column, last_column = _ends(left, columns, size[1], width)
    boxes = tf.stack([first_row, first_column, last_row, last_column], axis=1)
    cropped = tf.image.crop_and_resize(images, boxes, tf.range(count), size)
    return tf.cast(tf.clip_by_value(tf.round(cropped), 0.0, 255.0), "uint8")


def decode_and_crop(
    contents: Tensor,
    channels: int,
    size: tuple[int, int],
    window: RandomWindow,
) -> Tensor:
    """Decode a random window of an image file and resize it.

    Of a JPEG, only the window is decoded.

    Args:
        contents: bytes of a JPEG or PNG file, a string scalar.
        channels: 1 or 3, of the result.
        size: height and width of the result.
        window: decides.

    Returns:
        uint8 (*size, channels).
    """

    def of_jpeg() -> Tensor:
        shape = tf.image.extract_jpeg_shape(contents)
        box = draw_windows(1, shape[0], shape[1], window)[0]
        return tf.image.decode_and_crop_jpeg(contents, box, channels=channels)

    def of_other() -> Tensor:
        image = tf.io.decode_image(
            contents, channels=channels, expand_animations=False
        )
        shape = tf.shape(image)
        top, left, rows, columns = tf.unstack(
            draw_windows(1, shape[0], shape[1], window)[0]
        )
        return image[top : top + rows, left : left + columns]

    cropped = tf.cond(tf.io.is_jpeg(contents), of_jpeg, of_other)
    cropped.set_shape((None, None, channels))
    return tf.ensure_shape(resize_pixels(cropped, size), (*size, channels))


def _one_more(values: Tensor, last: Tensor | float) -> Tensor:
    column = tf.fill([tf.shape(values)[0], 1], tf.cast(last, values.dtype))
    return tf.concat([values, column], axis=1)


def _ends(
    start: Tensor, length: Tensor, pixels: int, full: int
) -> tuple[Tensor, Tensor]:
    inset = length / pixels / 2 - 0.5
    largest = max(full - 1, 1)
    # Enlarged, the outermost centres lie outside the image.
    first = tf.maximum((start + inset) / largest, 0.0)
    last = tf.minimum((start + length - 1 - inset) / largest, 1.0)
    return first, last
