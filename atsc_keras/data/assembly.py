"""Arrays, and which of a source's examples are used -> a data set."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from atsc_keras.config import DataConfig
from atsc_keras.data.checks import check_labels, check_pixels
from atsc_keras.data.dataset import Dataset, Split
from atsc_keras.data.numbering import number_classes
from atsc_keras.data.resizing import resize_array
from atsc_keras.data.sources.common import check_room
from atsc_keras.errors import InputError

Images = TypeVar("Images", bound=np.ndarray)
# The held-out part belongs to the data: no config changes it.
_HOLD_OUT_SEED = 0


def dataset_from_arrays(
    train: tuple[Any, Any],
    test: tuple[Any, Any],
    config: DataConfig,
    *,
    class_names: tuple[str, ...] | None = None,
) -> Dataset:
    """Check arrays as they were stored and make a data set of them.

    Args:
        train: images and labels for training.
        test: images and labels for testing.
        config: names the source in messages; says the size, which examples,
            mean and std.
        class_names: a name for each class; None = their numbers.

    Returns:
        The data set, resized; not so the training images where `crop_area`
        cuts windows out of them as they were stored.

    Raises:
        InputError: if the arrays are no images with labels, or do not fit
            together.
    """
    source = f"{config.path or config.name or config.source}"
    train_pixels, train_labels = _checked(
        train, f"the training part of {source}", config.layout
    )
    test_pixels, test_labels = _checked(
        test, f"the test part of {source}", config.layout
    )
    if train_pixels.shape[1:] != test_pixels.shape[1:]:
        same_channels = train_pixels.shape[3] == test_pixels.shape[3]
        if config.image_size is None or not same_channels:
            raise InputError(
                "Training and test images must have the same size and "
                f"channels. Received: {train_pixels.shape[1:]} for training, "
                f"{test_pixels.shape[1:]} for testing in {source}. "
                "`image_size` gives both the same size."
            )
    train_labels, test_labels, names = number_classes(
        train_labels, test_labels, class_names, source
    )
    (train_pixels, train_labels), (test_pixels, test_labels) = choose(
        (train_pixels, train_labels), (test_pixels, test_labels), config
    )
    check_room(
        len(test_labels) + (0 if config.crop_area else len(train_labels)),
        test_pixels.shape[1:],
        config,
    )
    if config.crop_area is None:
        train_pixels = resize_array(train_pixels, config.image_size)
    test_pixels = resize_array(
        test_pixels, config.image_size, config.evaluation_resize
    )
    train_pixels, test_pixels = (
        _in_colour(pixels, config, source)
        for pixels in (train_pixels, test_pixels)
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


def _in_colour(
    pixels: NDArray[np.uint8], config: DataConfig, source: str
) -> NDArray[np.uint8]:
    """Repeat grey for red, green and blue, where a config asks for it."""
    channels = pixels.shape[-1]
    if config.channels in (None, channels):
        return pixels
    if channels != 1:
        raise InputError(
            "`data.channels: 3` repeats grey images. Received: "
            f"{source} with {channels} channels. Leave it out, or save the "
            "images in colour."
        )
    return np.repeat(pixels, 3, axis=-1)


def choose(
    train: tuple[Images, NDArray[np.int64]],
    test: tuple[Images, NDArray[np.int64]],
    config: DataConfig,
) -> tuple[tuple[Images, NDArray[np.int64]], tuple[Images, NDArray[np.int64]]]:
    """Keep the classes that a config asks for, and hold images out.

    Args:
        train: images, or what stands for them, (N, ...), and their labels.
        test: the same for testing.
        config: its `classes` and `hold_out` count.

    Returns:
        Training and test examples in the order of the source; with `hold_out`
        the test examples are training ones that training does not see.

    Raises:
        InputError: if no example is left for one of the two.
    """
    if config.classes is not None:
        train, test = (
            _take(part, np.flatnonzero(part[1] < config.classes))
            for part in (train, test)
        )
    if config.hold_out is not None:
        held_out = _draw(train[1], config.hold_out)
        test = _take(train, np.flatnonzero(held_out))
        train = _take(train, np.flatnonzero(~held_out))
    for part, purpose in ((train, "train"), (test, "test")):
        if len(part[1]) == 0:
            raise InputError(
                "`data.classes` and `data.hold_out` must leave images to "
                f"train and to test on. Received: classes={config.classes}, "
                f"hold_out={config.hold_out}, which leave none to {purpose} "
                "on. Keep more classes, or hold out another share."
            )
    return train, test


def choose_names(names: tuple[str, ...], config: DataConfig) -> tuple[str, ...]:
    """Keep the names of the classes that a config asks for.

    Args:
        names: a name for every class.
        config: its `classes` counts.

    Raises:
        InputError: if there are not as many.
    """
    if config.classes is None:
        return names
    if config.classes > len(names):
        raise InputError(
            "`data.classes` must not be larger than the number of classes. "
            f"Received: classes={config.classes}, data with {len(names)}. "
            "Leave it out to keep all."
        )
    return names[: config.classes]


def refuse_to_choose(config: DataConfig, reason: str) -> None:
    """Say that all examples of a source are used as they are stored.

    Args:
        config: its `classes` and `hold_out`.
        reason: what of the source forbids a choice.

    Raises:
        InputError: if the config asks for a choice.
    """
    if (config.classes, config.hold_out) != (None, None):
        raise InputError(
            "`data.classes` and `data.hold_out` need images in memory, or a "
            f"folder. Received: classes={config.classes}, "
            f"hold_out={config.hold_out}, {reason}. Leave them out, or save "
            "the part as a folder."
        )


def _checked(
    pair: tuple[Any, Any], where: str, layout: str | None
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    pixels = check_pixels(pair[0], where, layout)
    return pixels, check_labels(pair[1], len(pixels), where)


def _draw(labels: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Mark a share of the examples of each class."""
    random = np.random.default_rng(_HOLD_OUT_SEED)
    marked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        marked[places[: round(share * len(places))]] = True
    return marked


def _take(
    part: tuple[Images, NDArray[np.int64]], places: NDArray[np.intp]
) -> tuple[Images, NDArray[np.int64]]:
    images, labels = part
    return images[places], labels[places]  # type: ignore[return-value]
