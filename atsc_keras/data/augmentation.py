"""Crop and flip, for a whole batch at once."""

from atsc_keras.data.randomness import draw_integers
from atsc_keras.data.randomness import extend_key
from atsc_keras.data.tensorflow_import import import_tensorflow
from atsc_keras.types import Tensor


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
    top = draw_integers(count, 2 * padding + 1, extend_key(key, 0))
    left = draw_integers(count, 2 * padding + 1, extend_key(key, 1))
    rows = top[:, None] + tf.range(height)
    columns = left[:, None] + tf.range(width)
    if flip:
        mirrored = draw_integers(count, 2, extend_key(key, 2)) == 1
        columns = tf.where(mirrored[:, None], columns[:, ::-1], columns)
    windows = tf.gather(padded, rows, axis=1, batch_dims=1)
    windows = tf.gather(windows, columns, axis=2, batch_dims=1)
    return tf.ensure_shape(windows, images.shape)
