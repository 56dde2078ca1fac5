"""A split -> batches for `fit`, `evaluate` and `predict`."""

from dataclasses import dataclass
from typing import Any, Literal

import keras

from atsc_keras.config import DataConfig
from atsc_keras.data import purposes
from atsc_keras.data.array_batches import ArrayBatches, ArrayTrainingBatches
from atsc_keras.data.augmentation import crop_and_flip, draw_placements
from atsc_keras.data.augmentations import build_augmentation
from atsc_keras.data.checks import check_batch_size
from atsc_keras.data.cropping import RandomWindow, crop_batch
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.randomness import draw_permutation, extend_key, make_key
from atsc_keras.data.resizing import resize_pixels
from atsc_keras.data.split import Split
from atsc_keras.data.tensorflow_import import import_tensorflow
from atsc_keras.types import Tensor

_ENDLESS = 2**62  # epochs


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Batches and their number.

    Attributes:
        batches: `tf.data.Dataset` of float32 images (B, H, W, C) in [0, 255]
            and int32 labels (B,), or float32 rows (B, classes) where the
            config has `soft_labels`. With `augment_on: device` images are
            uint8, in training a pair of images as stored and int32 placements
            (B, 3) for `CropAndFlip`; and those in memory come in a
            `keras.utils.PyDataset` where TensorFlow does not train.
        steps: Batches an epoch.

    Example:
        >>> train = build_pipeline(dataset, "train", config, training=True)
        >>> model.fit(
        ...     train.batches,
        ...     steps_per_epoch=train.steps,
        ...     epochs=10,
        ...     shuffle=False,  # they are; Keras would warn that it cannot
        ... )
    """

    batches: Any
    steps: int


def build_pipeline(
    dataset: Dataset,
    split: Literal["train", "test"],
    config: DataConfig,
    *,
    training: bool,
    seed: int = 0,
    initial_epoch: int = 0,
    initial_step: int = 0,
) -> Pipeline:
    """Makes batches of a split.

    In training they are endless, shuffled and augmented, and every batch is a
    pure function of (seed, epoch, place in the epoch): a pipeline that starts
    at epoch 7 gives what an undisturbed one gives from there on. Otherwise
    they are one pass in order, nothing random, the last batch kept.

    Args:
        dataset: Of `load_dataset`.
        split: `train` or `test`.
        config: Batch size and augmentation.
        training: Whether the batches are for `fit`.
        seed: Decides order and augmentation in training; default 0.
        initial_epoch: Epoch of the first batch in training; default 0.
        initial_step: Batches of that epoch that are left out; default 0.

    Returns:
        The batches; `fit` is to be called with `steps_per_epoch=steps`, and
        with `initial_epoch` where one was given here.

    Raises:
        InputError: The training batch is larger than the split.
        ValueError: There is no such split.
    """
    if split not in ("train", "test"):
        raise ValueError(
            "`split` must be 'train' or 'test'. "
            f"Received: split={split!r}. Use one of the two."
        )
    part = dataset.train if split == "train" else dataset.test
    size = config.batch_size
    start = (initial_epoch, initial_step)
    steps = count_steps(part, config) if training else -(-len(part) // size)
    if _is_made_of_arrays(part, config):
        if training:
            batches: Any = ArrayTrainingBatches(
                part, config, steps, seed, start
            )
        else:
            batches = ArrayBatches(part, size)
    elif training:
        batches = _endless(part, dataset, config, seed, start)
    else:
        tf = import_tensorflow()
        # Keras takes the end of a stream of unknown length for a failure.
        counted = tf.data.experimental.assert_cardinality(steps)
        batches = _in_order(part, dataset, config).apply(counted)
    return Pipeline(batches, steps)


def check_reader(dataset: Dataset, config: DataConfig) -> None:
    """Checks that what makes the batches of a data set is installed.

    Args:
        dataset: Of `load_dataset`.
        config: Of the run.

    Raises:
        InputError: TensorFlow has to, and is not there.
    """
    for part in (dataset.train, dataset.test):
        if not _is_made_of_arrays(part, config):
            import_tensorflow()


def _is_made_of_arrays(split: Split, config: DataConfig) -> bool:
    return (
        config.augment_on == "device"
        and keras.config.backend() != "tensorflow"
        and config.crop_area is None
        and split.images is not None
    )


def count_steps(split: Split, config: DataConfig) -> int:
    """Counts the training batches of an epoch.

    Args:
        split: Of the training images.
        config: Batch size, and whether a smaller last batch counts.

    Raises:
        InputError: The batch is larger than the split.
    """
    size = config.batch_size
    check_batch_size(size, split)
    count = len(split)
    return count // size if config.drop_remainder else -(-count // size)


def _in_order(split: Split, dataset: Dataset, config: DataConfig) -> Any:
    tf = import_tensorflow()
    size, image_shape = config.batch_size, dataset.image_shape
    rows_of = len(dataset.class_names) if config.soft_labels else None
    on_device = config.augment_on == "device"

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
        batches = places.map(lambda numbers: _gather(split, numbers))
    return _finish(batches.map(make_batch))


def _endless(
    split: Split,
    dataset: Dataset,
    config: DataConfig,
    seed: int,
    start: tuple[int, int],
) -> Any:
    tf = import_tensorflow()
    initial_epoch, initial_step = start
    area = config.crop_area
    padding = config.crop_padding if area is None else 0
    image_shape = dataset.image_shape
    rows_of = len(dataset.class_names) if config.soft_labels else None
    # Here, because Keras's layers make variables of their own.
    augmentations = [build_augmentation(a) for a in config.augmentations]

    def one_epoch(epoch: Tensor) -> Any:
        key = make_key(seed, purposes.ORDER, epoch)
        first = initial_step * tf.cast(epoch == initial_epoch, "int64")
        skipped = first * config.batch_size
        if split.stream is not None:
            window = None
            if area is not None:
                own_key = make_key(seed, purposes.WINDOWS, epoch)
                window = RandomWindow(area, own_key)
            chosen = split.stream.examples(key, window, skipped)
        else:
            chosen = tf.data.Dataset.from_tensor_slices(
                draw_permutation(len(split), key)[skipped:]
            )
        batches = chosen.batch(
            config.batch_size, drop_remainder=config.drop_remainder
        )
        return batches.enumerate(first).map(
            lambda number, batch: (epoch, number, batch)
        )

    def make_batch(
        epoch: Tensor, number: Tensor, batch: Tensor
    ) -> tuple[Any, Tensor]:
        if split.stream is None:
            batch = _gather(split, batch)
        key = extend_key(make_key(seed, purposes.AUGMENTATION, epoch), number)
        images, labels = batch
        if area is not None and split.stream is None:
            own_key = extend_key(key, purposes.WINDOWS_OF_BATCH)
            window = RandomWindow(area, own_key)
            images = crop_batch(images, image_shape[:2], window)
        labels = _as_numbers(labels, rows_of)
        how = {"padding": padding, "flip": config.flip, "key": key}
        if config.augment_on == "device":
            placements = draw_placements(tf.shape(images)[:1], **how)
            return (images, tf.stack(placements, axis=1)), labels
        images = tf.cast(crop_and_flip(images, **how), "float32")
        for place, augment in enumerate(augmentations, purposes.AUGMENTATIONS):
            images, labels = augment(images, labels, extend_key(key, place))
        return images, labels

    epochs = tf.data.Dataset.range(initial_epoch, _ENDLESS)
    # Outside the epochs, so that the next one is begun before this one ends.
    return _finish(
        epochs.flat_map(one_epoch).map(
            make_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
    )


def _gather(split: Split, places: Tensor) -> tuple[Tensor, Tensor]:
    tf = import_tensorflow()
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
    tf = import_tensorflow()
    if rows_of is None:
        return tf.cast(labels, "int32")
    return tf.one_hot(labels, rows_of, dtype="float32")


def _finish(batches: Any) -> Any:
    tf = import_tensorflow()
    options = tf.data.Options()
    options.deterministic = True
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)
