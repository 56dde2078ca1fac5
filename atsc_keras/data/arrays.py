"""Four arrays -> a checked data set in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atsc_keras.config import DataConfig
from atsc_keras.data.checks import check_classes, check_labels, check_pixels
from atsc_keras.data.choosing import choose, choose_names
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.resizing import resize_array
from atsc_keras.data.split import Split
from atsc_keras.errors import InputError


def dataset_from_arrays(
    train: tuple[Any, Any],
    test: tuple[Any, Any],
    config: DataConfig,
    *,
    class_names: tuple[str, ...] | None = None,
) -> Dataset:
    """Checks arrays as they were stored and makes a data set of them.

    Args:
        train: Images and labels for training.
        test: Images and labels for testing.
        config: Names the source in messages; says the size, which examples,
            mean and std.
        class_names: A name for each class; None = their numbers.

    Returns:
        The data set, resized; not so the training images where `crop_area`
        cuts windows out of them as they were stored.

    Raises:
        InputError: The arrays are no images with labels, or do not fit
            together.
    """
    source = f"{config.path or config.name or config.source}"
    train_pixels, train_labels = _checked(
        train, f"the training part of {source}"
    )
    test_pixels, test_labels = _checked(test, f"the test part of {source}")
    if train_pixels.shape[1:] != test_pixels.shape[1:]:
        same_channels = train_pixels.shape[3] == test_pixels.shape[3]
        if config.image_size is None or not same_channels:
            raise InputError(
                "Training and test images must have the same size and "
                f"channels. Received: {train_pixels.shape[1:]} for training, "
                f"{test_pixels.shape[1:]} for testing in {source}. "
                "`image_size` gives both the same size."
            )
    names = check_classes(train_labels, test_labels, class_names, source)
    (train_pixels, train_labels), (test_pixels, test_labels) = choose(
        (train_pixels, train_labels), (test_pixels, test_labels), config
    )
    if config.crop_area is None:
        train_pixels = resize_array(train_pixels, config.image_size)
    test_pixels = resize_array(
        test_pixels, config.image_size, config.evaluation_resize
    )
    height, width, channels = test_pixels.shape[1:]
    return Dataset(
        train=Split("train", train_pixels, train_labels),
        test=Split("test", test_pixels, test_labels),
        class_names=choose_names(names, config),
        image_shape=(height, width, channels),
        given_mean=config.mean,
        given_std=config.std,
    )


def _checked(
    pair: tuple[Any, Any], where: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pixels = check_pixels(pair[0], where)
    return pixels, check_labels(pair[1], len(pixels), where)
