"""root/{train,test}/<class>/**, in any format of `files.pictures`."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atsc_keras.config import DataConfig
from atsc_keras.data.assembly import choose, choose_names
from atsc_keras.data.checks import check_classes
from atsc_keras.data.dataset import Dataset, Split
from atsc_keras.data.sources.common import fits_in_memory, required_path
from atsc_keras.errors import InputError
from atsc_keras.files.class_names import check_class_names
from atsc_keras.files.picture_folders import (
    SUFFIXES,
    Unused,
    count_beside,
    describe,
    list_classes,
    list_pictures,
    say_if_faint,
    say_unused,
)
from atsc_keras.files.pictures import ImageReader, common_form

_PARTS = ("train", "test")


def look(config: DataConfig) -> int | None:
    """Find the folders of the classes.

    Raises:
        InputError: if train, test or classes are missing.
    """
    root = required_path(config, folder=True)
    _class_names(root / "train", Unused())
    _folders(root / "test", Unused())
    return None


def load(config: DataConfig) -> Dataset:
    """Load a folder of images; the names of its folders are the classes.

    Pictures in folders inside a class are of that class. What is not used is
    counted in one line of output, by ending and reason.

    Args:
        config: the root and the image size, which may be left out if all images
            have the same.

    Returns:
        The data set; in colour unless every image is grey.

    Raises:
        InputError: if a folder or image is missing, broken, or of another size.
    """
    root = required_path(config, folder=True)
    unused = Unused()
    count_beside(root, _PARTS, unused)
    class_names = _class_names(root / "train", unused)
    _check_test_classes(root / "test", class_names, unused)
    train, test = (
        _list_images(root / name, class_names, unused) for name in _PARTS
    )
    say_unused(root, unused)
    say_if_faint(root, list(train[0]))
    check_classes(train[1], test[1], class_names, str(root))
    train, test = choose(train, test, config)
    every_path = [*train[0], *test[0]]
    size, found = common_form(every_path, config.image_size)
    channels = config.channels or found
    readers = {
        "train": ImageReader(size, channels),
        "test": ImageReader(size, channels, config.evaluation_resize),
    }
    image_shape = (*size, channels)
    in_memory = fits_in_memory(len(every_path), image_shape)
    splits = []
    for name, (paths, numbers) in (("train", train), ("test", test)):
        read = readers[name]
        # Random windows are cut out of the images as they are stored.
        if in_memory and (name == "test" or config.crop_area is None):
            images = read.read_all(paths)
            splits.append(Split(name, images, numbers))
        else:
            from atsc_keras.data.tensorflow.streams import FileStream

            stream = FileStream(paths, numbers, read, image_shape)
            splits.append(Split(name, stream=stream))
    return Dataset(
        train=splits[0],
        test=splits[1],
        class_names=choose_names(class_names, config),
        image_shape=image_shape,
        given_mean=config.mean,
        given_std=config.std,
    )


def _class_names(folder: Path, unused: Unused) -> tuple[str, ...]:
    names = [f.name for f in _folders(folder, unused)]
    if len(names) < 2:
        raise InputError(
            "A folder of images must have a folder for each of at least two "
            f"classes. Received: {folder} with {', '.join(names) or 'none'}. "
            "Arrange the images as train/<class>/<image>.png."
        )
    check_class_names(names, f"the folders of {folder}", "Rename the folder.")
    return tuple(names)


def _folders(folder: Path, unused: Unused) -> list[Path]:
    if not folder.is_dir():
        raise InputError(
            "`data.path` must hold the folders train and test. "
            f"Received: {folder.parent}, which has no folder {folder.name}. "
            "Arrange the images as train/<class>/<image>.png and "
            "test/<class>/<image>.png."
        )
    return list_classes(folder, unused)


def _check_test_classes(
    folder: Path, class_names: tuple[str, ...], unused: Unused
) -> None:
    unknown = {f.name for f in _folders(folder, unused)} - set(class_names)
    if unknown:
        raise InputError(
            "Every class must have training images. "
            f"Received: {', '.join(sorted(unknown))} in {folder} but not in "
            "train. Add the training images or take the folder away."
        )


def _list_images(
    folder: Path, class_names: tuple[str, ...], unused: Unused
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(class_names):
        own = Unused()
        found = list_pictures(folder / name, own)
        if not found and folder.name == "train":
            raise InputError(
                "Every class must have training images. "
                f"Received: {folder / name} without any {_wanted(own)}. Add "
                "images or take the folder away."
            )
        unused += own
        paths += found
        labels += [label] * len(found)
    if not paths:
        raise InputError(
            "There must be images to test on. "
            f"Received: {folder} without any {_wanted(unused)} in its "
            "classes. Add images as test/<class>/<image>.png."
        )
    return np.array(paths, object), np.array(labels, np.int64)


def _wanted(unused: Unused) -> str:
    found = describe(unused)
    return ", ".join(SUFFIXES) + (f" but {found}" if found else "")
