"""Real images: some to calibrate by, others to prove the files on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atsc_keras.errors import InputError, shortened
from atsc_keras.files.picture_folders import (
    Unused,
    count_beside,
    describe,
    list_classes,
    list_pictures,
    say_if_faint,
    say_unused,
)
from atsc_keras.files.pictures import (
    Form,
    ImageReader,
    read_npz,
    read_npz_forms,
)

from .job import Selection

_HINT = (
    "Give an npz file with `x_test` (and `y_test`, `x_train`), a folder "
    "test/<class>/*.png (and train/<class>/*.png), or a folder of images."
)


@dataclass(frozen=True)
class RealImages:
    """Pixels in [0, 255].

    Attributes:
        test: uint8 `(N, H, W, C)`, to compare on.
        labels: `(N,)` of `test`, or None.
        calibration: uint8 `(M, H, W, C)`, never of `test`; None where the
            data hold no training images.
    """

    test: np.ndarray
    labels: np.ndarray | None
    calibration: np.ndarray | None


def load_images(
    path: Path,
    shape: tuple[int, ...],
    classes: int,
    selection: Selection,
    names: Sequence[str] | None = None,
    short_side: int | None = None,
) -> RealImages:
    """Read the images that a model is calibrated by and compared on.

    Args:
        path: an npz file with `x_test` and optionally `y_test` and
            `x_train`; a folder `test/<class>/*` and optionally
            `train/<class>/*`; or a folder of images, of which one part
            calibrates and the other compares.
        shape: `(H, W, C)` that the model takes. Images of a folder are
            resized to it as in training, those of an npz file must have it.
        classes: that the model knows.
        selection: how many.
        names: of the classes, which labels of an npz file may be too;
            default: not known.
        short_side: of `ImageReader`, for those of a folder; default: none.

    Returns:
        The chosen images.

    Raises:
        InputError: if the data cannot be read or do not fit the model.
    """
    if path.is_dir():
        reader = ImageReader((shape[0], shape[1]), shape[2], short_side)
        return _from_folder(path, reader, classes, selection)
    return _from_npz(path, shape, classes, selection, names)


def check_data(path: Path, names: Sequence[str] | None = None) -> None:
    """See that data are of a kind that `load_images` reads, by their names.

    Args:
        path: of the data.
        names: as for `load_images`.

    Raises:
        InputError: if nothing is there, or it is of another kind.
    """
    if path.is_dir():
        if not (path / "test").is_dir():
            _pictures_of(path, Unused())
        return
    try:
        shapes = read_npz_forms(path)
        labels = shapes.get("y_test")
        count = shapes["x_test"].shape[0] if shapes["x_test"].shape else 0
    except (ValueError, KeyError) as error:
        raise _unreadable(path, error) from error
    if labels is not None:
        _check_label_form(path, labels, count, names)


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = f"no array {error}" if isinstance(error, KeyError) else error
    return InputError(
        "--data must be images that can be read. "
        f"Received: {path} ({reason}). {_HINT}"
    )


# === npz ===


def _from_npz(
    path: Path,
    shape: tuple[int, ...],
    classes: int,
    selection: Selection,
    names: Sequence[str] | None,
) -> RealImages:
    try:
        arrays = read_npz(path)
        test, labels = arrays["x_test"], arrays.get("y_test")
    except (ValueError, KeyError) as error:
        raise _unreadable(path, error) from error
    train = arrays.get("x_train")
    if labels is not None:
        labels = _labels(path, labels, len(test), classes, names)
    chosen = selection.choose(len(test), selection.test)
    if train is not None:
        rows = selection.choose(len(train), selection.calibration)
        train = _pixels(path, "x_train", train, rows, shape)
    return RealImages(
        _pixels(path, "x_test", test, chosen, shape),
        None if labels is None else labels[chosen],
        train,
    )


def _labels(
    path: Path,
    labels: np.ndarray,
    images: int,
    classes: int,
    names: Sequence[str] | None,
) -> np.ndarray:
    _check_label_form(path, Form(labels.shape, labels.dtype), images, names)
    labels = labels.reshape(-1)
    if names is not None and _are_names(labels, names):
        places = {name: place for place, name in enumerate(names)}
        unknown = [x for x in _texts(labels) if x not in places]
        if unknown:
            raise InputError(
                "--data must hold labels that are class names. Received: "
                f"{path} with {shortened(unknown[0])!r}, which is not of "
                "--class-names. Correct it there or here."
            )
        return np.array([places[x] for x in _texts(labels)], "int64")
    if images and not 0 <= labels.min() <= labels.max() < classes:
        raise InputError(
            "--data must hold labels that the model knows, 0 to "
            f"{classes - 1}. Received: {path} with {labels.min()} to "
            f"{labels.max()}. Leave `y_test` out, or number them so."
        )
    return labels


def _are_names(labels: np.ndarray, names: Sequence[str]) -> bool:
    """Tell whether labels are names of classes rather than their places.

    Numbers are where the names are other numbers, as training names classes
    by labels with gaps, or from 1.
    """
    if labels.dtype.kind in "US":
        return True
    numbered = list(names) == [str(place) for place in range(len(names))]
    return not numbered and set(_texts(labels)) <= set(names)


def _texts(labels: np.ndarray) -> list[str]:
    if labels.dtype.kind == "S":
        return [x.decode("utf-8", "replace") for x in labels.tolist()]
    return [str(x) for x in labels.tolist()]


def _check_label_form(
    path: Path, labels: Form, images: int, names: Sequence[str] | None
) -> None:
    one_each = labels.shape in ((images,), (images, 1))
    kinds = "iuf" if names is None else "iufUS"
    if not one_each or labels.dtype.kind not in kinds:
        raise InputError(
            "--data must hold one label an image. Received: "
            f"{path} with {images} images, labels {labels.shape} of type "
            f"{labels.dtype}. Leave `y_test` out, or give one number each, or "
            "names of classes with --class-names."
        )


def _pixels(
    path: Path,
    name: str,
    images: np.ndarray,
    rows: np.ndarray,
    shape: tuple[int, ...],
) -> np.ndarray:
    if images.ndim == 3 and shape[-1] == 1:
        images = images[..., None]
    if images.ndim != 4 or images.shape[1:] != shape or not len(images):
        way_out = "Resize them."
        if images.shape[1:] == (shape[-1], *shape[:-1]):
            way_out = f"Save np.moveaxis({name}, 1, -1)."
        raise InputError(
            f"--data must hold images of shape (N, {str(shape)[1:]} as the "
            f"model takes. Received: {path}, where `{name}` has the shape "
            f"{images.shape}. {way_out}"
        )
    if images.dtype.kind not in "biuf":
        raise InputError(
            "--data must hold pixels from 0 to 255. Received: "
            f"{path}, where `{name}` is of type {images.dtype}. Save numbers."
        )
    low, high = float(images.min()), float(images.max())
    if high <= 1 or low < 0 or high > 255 or not np.isfinite(low + high):
        way_out = "Multiply them by 255." if 0 <= low and high <= 1 else ""
        if way_out and images.dtype.kind != "f":
            way_out = "Save them before they are scaled, or 255 times masks."
        raise InputError(
            "--data must hold pixels from 0 to 255, as the exported file "
            f"takes them. Received: {path}, where `{name}` goes from "
            f"{low:g} to {high:g}. {way_out or 'Undo their normalisation.'}"
        )
    return np.rint(images[rows]).astype("uint8")


# === Folders ===


def _from_folder(
    path: Path, reader: ImageReader, classes: int, selection: Selection
) -> RealImages:
    unused = Unused()
    if (path / "test").is_dir():
        count_beside(path, ("train", "test"), unused)
        parts = {
            name: list(_of_classes(path / name, classes, unused))
            for name in ("test", "train")
            if (path / name).is_dir()
        }
        say_unused(path, unused)
        files = parts["test"]
        say_if_faint(path, [picture for picture, _ in files])
        chosen = selection.choose(len(files), selection.test)
        labels = np.array([files[i][1] for i in chosen])
        test = _decode([files[i][0] for i in chosen], reader)
        train = None
        if "train" in parts:
            files = parts["train"]
            rows = selection.choose(len(files), selection.calibration)
            train = _decode([files[i][0] for i in rows], reader)
        return RealImages(test, labels, train)
    pictures = _pictures_of(path, unused)
    say_unused(path, unused)
    say_if_faint(path, pictures)
    # At most half of them calibrate; none of these compares.
    rows = selection.choose(
        len(pictures), min(selection.calibration, len(pictures) // 2)
    )
    calibrating = {int(row) for row in rows}
    others = [p for i, p in enumerate(pictures) if i not in calibrating]
    chosen = selection.choose(len(others), selection.test)
    return RealImages(
        _decode([others[i] for i in chosen], reader),
        None,
        _decode([pictures[i] for i in rows], reader),
    )


def _pictures_of(path: Path, unused: Unused) -> list[Path]:
    pictures = list_pictures(path, unused)
    if len(pictures) < 2:
        found = describe(unused)
        raise InputError(
            "--data must be a folder with images. Received: "
            f"{path} with {len(pictures)}{found and f', {found}'}. {_HINT}"
        )
    return pictures


def _of_classes(
    folder: Path, classes: int, unused: Unused
) -> Iterator[tuple[Path, int]]:
    """Image files with the place of their folder in alphabetical order."""
    names = list_classes(folder, unused)
    if len(names) != classes:
        raise InputError(
            "--data must be a folder with one folder for each class. Received: "
            f"{folder} with {len(names)} folders, model with {classes} "
            "classes. Add the missing ones, or give a folder of images."
        )
    for label, name in enumerate(names):
        for picture in list_pictures(name, unused):
            yield picture, label


def _decode(paths: list[Path], reader: ImageReader) -> np.ndarray:
    """Read files at the model's size and number of channels."""
    if reader.channels not in (1, 3, 4) or not paths:
        raise InputError(
            "--data must be a folder with images of the model's channels. "
            f"Received: {len(paths)} files, a model of {reader.channels} "
            f"channels. {_HINT}"
        )
    return reader.read_all(paths)
