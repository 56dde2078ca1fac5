"""Pictures and arrays of them, read in one way for training and export."""

import io
import math
import os
import zipfile
import zlib
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atsc_keras.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
# Told by the content, not the suffix. Not all that Pillow opens: of a
# PostScript file it would run Ghostscript.
_KINDS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
_EVERYWHERE = ("PNG", "JPEG")  # Pillow's words for what TensorFlow decodes too
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's word for so many channels
_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")  # and I;16, I;16B, ...: Pillow would clip them to 255
_MOST_DEFLATED = 1032  # bytes that one byte of a zip file becomes
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class ImageReader:
    """Reads one image file after another into the same form.

    Args:
        size: height and width; images of another size are resized
            bilinearly, antialiased where they shrink.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        short_side: N = the short side resized to N, and the centre cut out;
            default: resized without regard to the aspect ratio.
    """

    def __init__(
        self,
        size: tuple[int, int],
        channels: int,
        short_side: int | None = None,
    ) -> None:
        self.size = size
        self.channels = channels
        self.short_side = short_side

    def __call__(self, path: str | os.PathLike[str]) -> NDArray[np.uint8]:
        """Read an image.

        Args:
            path: of the file.

        Returns:
            uint8 (H, W, C).

        Raises:
            InputError: if it cannot be decoded, or has more than 8 bits a
                channel.
        """
        height, width = self.size
        try:
            with Image.open(path, formats=_KINDS) as file:
                _check_depth(file, path)
                image = file.convert(_MODES[self.channels])
        except InputError:  # which is a ValueError
            raise
        except _UNREADABLE as error:
            raise _undecodable(path, error) from error
        # Pillow's bilinear filter antialiases when images shrink.
        if self.short_side is not None:
            ratio = self.short_side / min(image.size)
            wide, high = (round(side * ratio) for side in image.size)
            image = image.resize((wide, high), Image.Resampling.BILINEAR)
            left, top = (wide - width) // 2, (high - height) // 2
            image = image.crop((left, top, left + width, top + height))
        elif image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(height, width, self.channels)

    def read_all(self, paths: Collection[Path]) -> NDArray[np.uint8]:
        """Read images (N, H, W, C); as `__call__`."""
        images = np.empty((len(paths), *self.size, self.channels), np.uint8)
        # Threads: decoding works outside Python's lock.
        with ThreadPoolExecutor() as pool:
            for place, image in enumerate(pool.map(self, paths)):
                images[place] = image
        return images


def common_form(
    paths: Sequence[Path], image_size: int | None
) -> tuple[tuple[int, int], int]:
    """Find the form that all images are to have, from their headers.

    Args:
        paths: of the files.
        image_size: height and width, or None = as they are.

    Returns:
        (height, width), and the channels: 1 if every image is grey, else 3.

    Raises:
        InputError: if the sizes differ and `image_size` is None, or a file
            cannot be read or has more than 8 bits a channel.
    """
    first: tuple[int, int] | None = None
    grey = True
    for path in paths:
        try:
            with Image.open(path, formats=_KINDS) as file:
                size = (file.height, file.width)
                mode = file.mode
                _check_depth(file, path)
        except InputError:  # which is a ValueError
            raise
        except _UNREADABLE as error:
            raise _undecodable(path, error) from error
        grey = grey and mode in _GREY
        first = first or size
        if image_size is None and size != first:
            raise InputError(
                "Images must have one size where `image_size` is null. "
                f"Received: {paths[0]} of {first[1]}x{first[0]}, {path} of "
                f"{size[1]}x{size[0]}. Set `data.image_size`."
            )
    if image_size is not None:
        first = (image_size, image_size)
    return first or (0, 0), 1 if grey else 3


def list_pictures(folder: Path) -> list[Path]:
    """List image files of a folder, by suffix; none without the folder."""
    if not folder.is_dir():
        return []
    # Sorted: the order of a folder differs between machines. Names with a dot
    # in front are what some systems leave beside the real files.
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    )


def list_classes(folder: Path) -> list[Path]:
    """List the folders of the classes in a folder, by their names."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.is_dir() and not file.name.startswith(".")
    )


def read_encoded(path: Path) -> bytes:
    """Read a file for a decoder that knows PNG and JPEG only.

    Returns:
        What the file holds; of another kind of picture, the same as a PNG.
    """
    contents = path.read_bytes()
    try:
        with Image.open(io.BytesIO(contents), formats=_KINDS) as image:
            if image.format in _EVERYWHERE:
                return contents
            file = io.BytesIO()
            image.save(file, "png")
    except _UNREADABLE:
        return contents  # the decoder's matter
    return file.getvalue()


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of an npz file.

    Without pickles: a data file must not be able to run code.

    Raises:
        ValueError: if they cannot be read, with the reason.
    """
    read_npz_forms(path)
    try:
        # Opened here, because np.load leaves a broken file open.
        with path.open("rb") as stream, np.load(stream) as file:
            return {key: file[key] for key in file.files}
    except (
        *(OSError, EOFError, AttributeError, TypeError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ValueError(str(error)) from error


class Form(NamedTuple):
    """Shape and type of an array, as the header of its file says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def read_npz_forms(path: Path) -> dict[str, Form]:
    """Read the headers of an npz file alone.

    Raises:
        ValueError: if it is none, with the reason; also if a header promises
            more than the file can hold.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                name.removesuffix(".npy"): _form(archive, name)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except (
        *(OSError, EOFError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise ValueError(str(error)) from error


def _form(archive: zipfile.ZipFile, name: str) -> Form:
    with archive.open(name) as file:
        if np.lib.format.read_magic(file) == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    promised = math.prod(shape) * dtype.itemsize
    most = _MOST_DEFLATED * archive.getinfo(name).compress_size
    if promised > most and not dtype.hasobject:
        raise ValueError(
            f"the header of {name} promises {promised} bytes, more than the "
            "file can hold"
        )
    return Form(shape, dtype)


def _check_depth(image: Image.Image, path: str | os.PathLike[str]) -> None:
    if image.mode.split(";")[0] in _DEEP:
        raise InputError(
            "Images must have 8 bits a channel. "
            f"Received: {os.fspath(path)} in Pillow's mode {image.mode}. "
            "Scale it to 8 bits and save it again."
        )


def _undecodable(path: str | os.PathLike[str], error: Exception) -> InputError:
    return InputError(
        "Every image must be a readable PNG, JPEG, BMP or WebP. "
        f"Received: {os.fspath(path)}: {error}. Replace or remove it."
    )
