"""What every source must fulfil, said in the same words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atsc_keras.errors import InputError
from atsc_keras.files.arrays import find_cast, is_channels_first
from atsc_keras.files.class_names import check_class_names

# Far above any data set of images: a larger label is some other number.
_MOST_CLASSES = 1_000_000


def check_pixels(
    images: Any, where: str, layout: str | None = None
) -> NDArray[np.uint8]:
    """Check an array of images.

    Args:
        images: whole numbers 0 .. 255, (N, H, W) or (N, H, W, C).
        where: names the data in the message.
        layout: `channels_last`, or `channels_first` of (N, C, H, W); default:
            the first, unless the shape looks like the other.

    Returns:
        uint8 (N, H, W, C).

    Raises:
        InputError: for another shape, type or range, or no image.
    """
    if layout == "channels_first" and images.ndim == 4:
        images = np.moveaxis(images, 1, -1)
    form = f"images of shape {images.shape}, type {images.dtype}"
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise InputError(
            "Images must be an array (N, height, width) or (N, height, width, "
            f"channels) that is not empty. Received: {where} with {form}. "
            "Check how it was saved."
        )
    if layout is None and is_channels_first(images.shape):
        raise InputError(
            "Images must have their channels last, (N, height, width, "
            f"channels). Received: {where} with {form}, which looks like "
            "channels first. Save np.moveaxis(x, 1, -1), or state `layout`: "
            "channels_first, or channels_last if the shape is right."
        )
    if images.dtype.kind not in "iu":  # NumPy counts spans of time to these
        raise InputError(
            "Pixels must be whole numbers from 0 to 255. "
            f"Received: {where} with {form}{_range_of(images)}."
        )
    if images.dtype != np.uint8:
        least, most = images.min(), images.max()
        if least < 0 or most > 255:
            raise InputError(
                "Pixels must be whole numbers from 0 to 255. "
                f"Received: {where} with pixels from {least} to {most}. "
                "Scale them to [0, 255] and save them as uint8."
            )
        images = images.astype(np.uint8)
    cast = find_cast(images)
    if cast is not None:
        raise InputError(
            "Pixels must be whole numbers from 0 to 255. "
            f"Received: {where} with pixels of {cast}, as if they had been "
            "scaled before they became bytes. Save them before they are "
            "scaled; pictures that are black and white only, as 0 and 255."
        )
    pixels: NDArray[np.uint8] = (
        images if images.ndim == 4 else images[..., None]
    )
    return np.ascontiguousarray(pixels)


def _range_of(images: Any) -> str:
    """Say where other numbers than whole ones lie, and what to save."""
    if not np.issubdtype(images.dtype, np.floating):
        return ". Scale them to [0, 255] and save them as uint8"
    least, most = float(images.min()), float(images.max())
    if 0 <= least and most <= 1:
        save = "np.rint(255 * x).astype('uint8')"
    elif 0 <= least and most <= 255:
        save = "np.rint(x).astype('uint8')"
    else:
        save = "them before they are normalised, as uint8"
    return f", from {least:g} to {most:g}. Save {save}"


def check_labels(labels: Any, count: int, where: str) -> NDArray[Any]:
    """Check an array of labels.

    Args:
        labels: whole numbers from 0, or names of classes, (N,) or (N, 1).
        count: number of images.
        where: names the data in the message.

    Returns:
        int64 (N,), or text.

    Raises:
        InputError: for another shape or type, a negative label, or another
            number of labels than of images.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iuUS":
        raise InputError(
            "Labels must be whole numbers, one an image. "
            f"Received: {where} with labels of shape {labels.shape}, type "
            f"{labels.dtype}. "
            "Save class numbers from 0 as int64; `argmax` turns one-hot "
            "labels into them."
        )
    if len(labels) != count:
        raise InputError(
            "There must be as many labels as images. "
            f"Received: {where} with {len(labels)} labels, {count} images. "
            "Save both from the same examples."
        )
    if labels.dtype.kind in "US":
        try:
            if labels.dtype.kind == "S":
                labels = np.char.decode(labels, "utf-8")
            text: NDArray[np.str_] = labels
            return text
        except UnicodeDecodeError as error:
            raise InputError(
                f"Labels that are text must be UTF-8. Received: {where} "
                f"({error}). Save them as text of numpy."
            ) from error
    if labels.min() < 0:
        raise InputError(
            "Labels must not be negative. "
            f"Received: {where} with label {labels.min()}. "
            "Number the classes from 0; leave out images without a label."
        )
    if labels.max() >= _MOST_CLASSES:
        raise InputError(
            f"Labels must be class numbers under {_MOST_CLASSES}. "
            f"Received: {where} with label {labels.max()}. "
            "Number the classes from 0 without gaps."
        )
    numbers: NDArray[np.int64] = labels.astype(np.int64)
    return numbers


def check_classes(
    train_labels: NDArray[np.int64],
    test_labels: NDArray[np.int64],
    class_names: tuple[str, ...] | None,
    source: str,
) -> tuple[str, ...]:
    """Check that the labels fit the classes.

    Args:
        train_labels: int64 (N,).
        test_labels: int64 (M,).
        class_names: a name for each class; None = "0", "1", ... up to the
            largest training label.
        source: names the data in the message.

    Returns:
        A name for each class.

    Raises:
        InputError: for fewer than two classes, a label that is none of them, or
            a name that `check_class_names` refuses.
    """
    if class_names is None:
        class_names = tuple(str(i) for i in range(train_labels.max() + 1))
    check_class_names(class_names, source, "Name it otherwise.")
    for part, labels in (("training", train_labels), ("test", test_labels)):
        if labels.max() >= len(class_names):
            from_one = labels.min() == 1 and labels.max() == len(class_names)
            raise InputError(
                "Every label must be one of the classes. "
                f"Received: {part} label {labels.max()} in {source}, which "
                f"has {len(class_names)} classes, 0 to "
                f"{len(class_names) - 1}. "
                + ("Subtract 1 from all labels, or c" if from_one else "C")
                + "orrect the labels or add the missing classes to the "
                "training part."
            )
    if len(np.unique(train_labels)) < 2:
        raise InputError(
            "There must be at least two classes to tell apart. "
            f"Received: only label {train_labels[0]} in the training part of "
            f"{source}. Add images of another class."
        )
    return class_names


def check_batch_fits(batch_size: int, count: int, split: str) -> None:
    """Check that a training batch can be filled.

    Args:
        batch_size: images a batch.
        count: images to train on.
        split: their name.

    Raises:
        InputError: if the batch is larger.
    """
    if batch_size > count:
        raise InputError(
            "`batch_size` must not be larger than the training data. "
            f"Received: batch_size={batch_size}, {count} images in "
            f"{split!r}. Use at most {count}."
        )


def check_channels(
    given: tuple[float, ...] | None, name: str, channels: int
) -> None:
    """Check a given mean or std against the images.

    Args:
        given: a number for each channel, or None.
        name: `mean` or `std`.
        channels: how many the images have.

    Raises:
        InputError: for another number of channels.
    """
    if given is not None and len(given) != channels:
        raise InputError(
            f"`{name}` must have one number for each channel of the images. "
            f"Received: {name}={list(given)}, images of {channels} channels. "
            "Leave it out to take it from the training images."
        )
