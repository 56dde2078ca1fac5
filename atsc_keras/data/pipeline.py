"""A split -> batches for `fit`, `evaluate` and `predict`."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import keras

from atsc_keras.config import DataConfig
from atsc_keras.data.array_batches import ArrayBatches, ArrayTrainingBatches
from atsc_keras.data.checks import check_batch_fits
from atsc_keras.data.dataset import Dataset, Split


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
        steps: batches an epoch.

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
    """Make batches of a split.

    In training they are endless, shuffled and augmented, and every batch is a
    pure function of (seed, epoch, place in the epoch): a pipeline that starts
    at epoch 7 gives what an undisturbed one gives from there on. Otherwise
    they are one pass in order, nothing random, the last batch kept.

    Args:
        dataset: as `load_dataset` returns it.
        split: `train` or `test`.
        config: batch size and augmentation.
        training: whether the batches are for `fit`.
        seed: decides order and augmentation in training; default 0.
        initial_epoch: epoch of the first batch in training; default 0.
        initial_step: batches of that epoch that are left out; default 0.

    Returns:
        The batches; `fit` is to be called with `steps_per_epoch=steps`, and
        with `initial_epoch` where one was given here.

    Raises:
        InputError: if the training batch is larger than the split.
        ValueError: if there is no such split.
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
    else:
        from atsc_keras.data.tensorflow.batches import make_endless, make_once

        if training:
            batches = make_endless(part, dataset, config, seed, start)
        else:
            batches = make_once(part, dataset, config, steps)
    return Pipeline(batches, steps)


def check_reader(dataset: Dataset, config: DataConfig) -> None:
    """Check that what makes the batches of a data set is installed.

    Args:
        dataset: as `load_dataset` returns it.
        config: says where images are augmented.

    Raises:
        InputError: if TensorFlow has to, and is not there.
    """
    for part in (dataset.train, dataset.test):
        if not _is_made_of_arrays(part, config):
            import_module("atsc_keras.data.tensorflow")


def _is_made_of_arrays(split: Split, config: DataConfig) -> bool:
    return (
        config.augment_on == "device"
        and keras.config.backend() != "tensorflow"
        and config.crop_area is None
        and split.images is not None
    )


def check_batch_size(batch_size: int, split: Split) -> None:
    """Check that a training batch can be filled.

    Args:
        batch_size: images a batch.
        split: what the batches are made of.

    Raises:
        InputError: if the batch is larger than the split.
    """
    check_batch_fits(batch_size, len(split), split.name)


def count_steps(split: Split, config: DataConfig) -> int:
    """Count the training batches of an epoch.

    Args:
        split: what the batches are made of.
        config: batch size, and whether a smaller last batch counts.

    Raises:
        InputError: if the batch is larger than the split.
    """
    size = config.batch_size
    check_batch_size(size, split)
    count = len(split)
    return count // size if config.drop_remainder else -(-count // size)
