"""Batches made by tf.data, whichever backend trains."""

from typing import Any

from atsc_keras.config import DataConfig
from atsc_keras.data.crop_and_flip import draw_placements
from atsc_keras.data.dataset import Dataset, Split
from atsc_keras.data.randomness import (
    AUGMENTATION,
    AUGMENTATIONS,
    ORDER,
    WINDOWS,
    WINDOWS_OF_BATCH,
)
from atsc_keras.data.tensorflow import tf
from atsc_keras.data.tensorflow.augmentations import build_augmentation
from atsc_keras.data.tensorflow.cropping import (
    RandomWindow,
    crop_batch,
    resize_pixels,
)
from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.types import Tensor

_ENDLESS = 2**62  # epochs
# Nothing here branches on a tensor: to rewrite it takes longer than to trace.
_TRACED = tf.autograph.experimental.do_not_convert


def make_once(
    split: Split, dataset: Dataset, config: DataConfig, steps: int
) -> Any:
    """Make one pass in order, nothing random.

    Args:
        split: the images, in memory or streamed.
        dataset: says size and classes of the images.
        config: batch size and form of the batches.
        steps: number of batches that there are.

    Returns:
        `Pipeline.batches`.
    """
    size, image_shape = config.batch_size, dataset.image_shape
    rows_of = len(dataset.class_names) if config.soft_labels else None
    on_device = config.augment_on == "device"

    @_TRACED
    def make_batch(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if images.shape[1:3] != image_shape[:2]:
            # Training images that are kept as stored for random windows.
            images = resize_pixels(images, image_shape[:2])
        labels = _as_numbers(labels, rows_of)
        return images if on_device else tf.cast(images, "float32"), labels

    if split.stream is not None:
        batches = split.stream.examples(None).batch(size)
    else:
        places = tf.data.Dataset.range(len(split)).batch(size)
        batches = places.map(_TRACED(lambda numbers: _gather(split, numbers)))
    # Keras takes the end of a stream of unknown length for a failure.
    counted = tf.data.experimental.assert_cardinality(steps)
    return _finish(batches.map(make_batch)).apply(counted)


def make_endless(
    split: Split,
    dataset: Dataset,
    config: DataConfig,
    seed: int,
    start: tuple[int, int],
) -> Any:
    """Make endless batches, shuffled and augmented.

    Args:
        split: the images, in memory or streamed.
        dataset: says size and classes of the images.
        config: batch size and augmentation.
        seed: decides order and augmentation.
        start: epoch of the first batch, and its number in that epoch.

    Returns:
        `Pipeline.batches`.
    """
    initial_epoch, initial_step = start
    area = config.crop_area
    padding = config.crop_padding if area is None else 0
    image_shape = dataset.image_shape
    rows_of = len(dataset.class_names) if config.soft_labels else None
    # Here, because Keras's layers make variables of their own.
    augmentations = [build_augmentation(a) for a in config.augmentations]

    @_TRACED
    def one_epoch(epoch: Tensor) -> Any:
        key = TensorKey.from_seed(seed, ORDER, epoch)
        first = initial_step * tf.cast(epoch == initial_epoch, "int64")
        skipped = first * config.batch_size
        if split.stream is not None:
            window = None
            if area is not None:
                own_key = TensorKey.from_seed(seed, WINDOWS, epoch)
                window = RandomWindow(area, own_key)
            chosen = split.stream.examples(key, window, skipped)
        else:
            chosen = tf.data.Dataset.from_tensor_slices(
                key.permutation(len(split))[skipped:]
            )
        batches = chosen.batch(
            config.batch_size, drop_remainder=config.drop_remainder
        )
        return batches.enumerate(first).map(
            _TRACED(lambda number, batch: (epoch, number, batch))
        )

    @_TRACED
    def make_batch(
        epoch: Tensor, number: Tensor, batch: Tensor
    ) -> tuple[Any, Tensor]:
        if split.stream is None:
            batch = _gather(split, batch)
        key = TensorKey.from_seed(seed, AUGMENTATION, epoch, number)
        images, labels = batch
        if area is not None and split.stream is None:
            own_key = key.extend(WINDOWS_OF_BATCH)
            window = RandomWindow(area, own_key)
            images = crop_batch(images, image_shape[:2], window)
        labels = _as_numbers(labels, rows_of)
        how: dict[str, Any] = {
            "padding": padding,
            "flip": config.flip,
            "key": key,
        }
        if config.augment_on == "device":
            placements = draw_placements(tf.shape(images)[0], **how)
            return (images, tf.stack(placements, axis=1)), labels
        images = tf.cast(_crop_and_flip(images, **how), "float32")
        for place, augment in enumerate(augmentations, AUGMENTATIONS):
            images, labels = augment(images, labels, key.extend(place))
        return images, labels

    epochs = tf.data.Dataset.range(initial_epoch, _ENDLESS)
    # Outside the epochs, so that the next one is begun before this one ends.
    return _finish(
        epochs.flat_map(one_epoch).map(
            make_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
    )


def _gather(split: Split, places: Tensor) -> tuple[Tensor, Tensor]:
    images, labels = split.arrays
    # By numpy: as a tensor, the data set would be in memory three times.
    chosen = tf.numpy_function(
        lambda numbers: (images[numbers], labels[numbers]),
        [places],
        (tf.uint8, tf.int64),
        stateful=False,
    )
    return (
        tf.ensure_shape(chosen[0], (*places.shape, *images.shape[1:])),
        tf.ensure_shape(chosen[1], places.shape),
    )


def _as_numbers(labels: Tensor, rows_of: int | None) -> Tensor:
    if rows_of is None:
        return tf.cast(labels, "int32")
    return tf.one_hot(labels, rows_of, dtype="float32")


def _finish(batches: Any) -> Any:
    options = tf.data.Options()
    options.deterministic = True
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)


def _crop_and_flip(
    images: Tensor, *, padding: int, flip: bool, key: TensorKey
) -> Tensor:
    """Take a random window of each zero-padded image, mirrored half the time.

    Args:
        images: (B, H, W, C); H, W and C static.
        padding: pixels of zeros on every side; 0 = no crop.
        flip: whether to mirror each image left to right with probability 1/2.
        key: decides the windows.

    Returns:
        Images of the same shape and type.
    """
    if padding == 0 and not flip:
        return images
    height, width = images.shape[1], images.shape[2]
    sides = [padding, padding]
    padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
    top, left, mirrored = draw_placements(
        tf.shape(images)[0], padding=padding, flip=flip, key=key
    )
    rows = top[:, None] + tf.range(height)
    columns = left[:, None] + tf.range(width)
    if flip:
        columns = tf.where(mirrored[:, None] == 1, columns[:, ::-1], columns)
    windows = tf.gather(padded, rows, axis=1, batch_dims=1)
    windows = tf.gather(windows, columns, axis=2, batch_dims=1)
    return tf.ensure_shape(windows, images.shape)
