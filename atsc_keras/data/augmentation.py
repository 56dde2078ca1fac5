"""Crop and flip, for a whole batch at once: on the host, by TensorFlow."""

from types import ModuleType
from typing import Any

from atsc_keras.data import randomness
from atsc_keras.data.tensorflow_import import import_tensorflow
from atsc_keras.types import Tensor


def draw_placements(
    count: Any,
    *,
    padding: int,
    flip: bool,
    key: Any,
    source: ModuleType = randomness,
) -> tuple[Any, Any, Any]:
    """Draws which window of each padded image is taken, and how.

    Args:
        count: Images of the batch.
        padding: Pixels of zeros on every side; 0 = the window is the image.
        flip: Whether to mirror each window with probability 1/2.
        key: Decides; see `randomness.make_key`.
        source: `randomness`, or `array_randomness` with a key of its own.

    Returns:
        int32 top and left (count,) in the padded image, and 1 where mirrored.
    """

    def draw(limit: int, purpose: int) -> Any:
        own_key = source.extend_key(key, purpose)
        return source.draw_integers(count, limit, own_key)

    places = 2 * padding + 1
    return draw(places, 0), draw(places, 1), draw(2 if flip else 1, 2)


def crop_and_flip(
    images: Tensor, *, padding: int, flip: bool, key: Tensor
) -> Tensor:
    """Takes a random window of each zero-padded image, mirrored half the time.

    Args:
        images: (B, H, W, C); H, W and C static.
        padding: Pixels of zeros on every side; 0 = no crop.
        flip: Whether to mirror each image left to right with probability 1/2.
        key: Decides the windows; see `randomness.make_key`.

    Returns:
        Images of the same shape and type.
    """
    if padding == 0 and not flip:
        return images
    tf = import_tensorflow()
    height, width = images.shape[1], images.shape[2]
    count = tf.shape(images)[:1]
    sides = [padding, padding]
    padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
    top, left, mirrored = draw_placements(
        count, padding=padding, flip=flip, key=key
    )
    rows = top[:, None] + tf.range(height)
    columns = left[:, None] + tf.range(width)
    if flip:
        columns = tf.where(mirrored[:, None] == 1, columns[:, ::-1], columns)
    windows = tf.gather(padded, rows, axis=1, batch_dims=1)
    windows = tf.gather(windows, columns, axis=2, batch_dims=1)
    return tf.ensure_shape(windows, images.shape)
