"""Pictures and arrays of them, read in one way for training and export."""

import math
import os
import zipfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from atsc_keras.errors import InputError
from atsc_keras.files.sizes import check_declared

# Told by the content, not the ending. Not all that Pillow opens: of a
# PostScript file it would run Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's word for so many channels
_GREY = ("1", "L", "LA")
_DEEP = "I;16"  # begins Pillow's words for 16 bits in either order of bytes
_TOO_DEEP = ("I", "F")  # of 32 bits: nobody knows which number is white
_BITS, _WHITE_IS_ZERO, _ORIENTATION = 258, 262, 274  # tags of TIFF and EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)
_BILINEAR = Image.Resampling.BILINEAR  # antialiased where images shrink
_MOST_DEFLATED = 1032  # bytes that one byte of a zip file becomes
# Bytes of pixels from one of a file, unless they are few. Pillow refuses 179
# million pixels whatever the file.
_FEW = 32  # pictures that are looked at for all
_MOST_EXPANDED, _HARMLESS = 1000, 2**26
_APPLES = b"ftyp"  # begins HEIC and AVIF, behind four bytes

PathLike = str | os.PathLike[str]


class ImageReader:
    """Reads one image file after another into the same form.

    Images stand as their EXIF orientation says, 16 bits a channel become 8,
    under transparent ones lies white paper, and of several frames the first
    counts.

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

    def __call__(self, path: PathLike) -> NDArray[np.uint8]:
        """Read an image.

        Args:
            path: of the file.

        Returns:
            uint8 (H, W, C).

        Raises:
            InputError: if it cannot be decoded, or has more than 16 bits a
                channel.
        """
        image = _decode(path, self.channels)
        height, width = self.size
        ends = [(0.0, float(side)) for side in image.size]
        if self.short_side is not None:
            # Of the resized picture only the centre is ever made.
            ratio = self.short_side / min(image.size)
            ends = [
                _centre(new, old, round(old * ratio))
                for new, old in zip((width, height), image.size, strict=True)
            ]
        (left, right), (top, bottom) = ends
        box = (left, top, right, bottom)
        image = image.resize((width, height), _BILINEAR, box)
        return np.asarray(image).reshape(height, width, self.channels)

    def whole(self, path: PathLike) -> NDArray[np.uint8]:
        """Read an image in its own size (H, W, C); as `__call__`."""
        pixels = np.asarray(_decode(path, self.channels))
        return pixels.reshape(*pixels.shape[:2], self.channels)

    def window(
        self, image: NDArray[np.uint8], box: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Cut a window out of what `whole` gives, and resize it.

        Args:
            image: uint8 (H, W, C).
            box: top, left, height and width of the window.

        Returns:
            uint8 (*size, C).
        """
        top, left, rows, columns = box
        part = image[top : top + rows, left : left + columns]
        part = part[..., 0] if self.channels == 1 else part
        resized = Image.fromarray(part).resize(self.size[::-1], _BILINEAR)
        return np.asarray(resized).reshape(*self.size, self.channels)

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
            cannot be read or has more than 16 bits a channel.
    """
    first: tuple[int, int] | None = None
    grey = True
    for path in paths:
        with _opened(path) as file:
            size = _shown_size(file)
            grey = grey and (file.mode in _GREY or file.mode.startswith(_DEEP))
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


def _centre(new: int, old: int, resized: int) -> tuple[float, float]:
    """Find where the middle of a resized side lies before it is resized."""
    start = (resized - new) // 2
    end = (start + new) * old / resized
    return start * old / resized, min(end, float(old))


def brightest_of_16_bits(paths: Sequence[Path]) -> int | None:
    """Find the largest pixel, 0 to 255, of a few; None without 16 bits."""
    found = []
    for path in paths[:: -(-len(paths) // _FEW) or 1]:
        with _opened(path) as file:
            if file.mode.startswith(_DEEP):
                found.append(int(np.asarray(_in_8_bits(file)).max()))
    return max(found, default=None)


@contextmanager
def _opened(path: PathLike) -> Iterator[Image.Image]:
    """Open a picture; all that is wrong with it becomes one message."""
    try:
        with Image.open(path, formats=FORMATS) as file:
            if file.mode in _TOO_DEEP:
                raise InputError(
                    "Images must have at most 16 bits a channel. Received: "
                    f"{os.fspath(path)} in Pillow's mode {file.mode}, of 32. "
                    "Scale it to 8 bits and save it again."
                )
            most = max(_MOST_EXPANDED * os.path.getsize(path), _HARMLESS)
            if file.width * file.height * len(file.getbands()) > most:
                raise ValueError(f"{file.width} x {file.height} in a tiny file")
            yield file
    except InputError:  # which is a ValueError
        raise
    except Exception as error:  # decoders raise anything
        raise InputError(
            "Every image must be a readable PNG, JPEG, BMP, WebP, GIF or "
            f"TIFF. Received: {os.fspath(path)}: {_reason(path, error)}. "
            "Replace or remove it."
        ) from error


def _reason(path: PathLike, error: Exception) -> str:
    if not isinstance(error, UnidentifiedImageError):
        return str(error) or type(error).__name__
    with open(path, "rb") as file:
        start = file.read(8)
    if start[4:] == _APPLES:
        return "by its content HEIC or AVIF"
    return "by its content none of them"


def _decode(path: PathLike, channels: int) -> Image.Image:
    with _opened(path) as file:
        file.load()  # some orientations stand behind the pixels
        image, turn = _in_8_bits(file), _TURNS.get(_orientation(file))
        if channels != 4 and image.has_transparency_data:
            image = image.convert("RGBA")
            paper = Image.new("RGB", image.size, "white")
            paper.paste(image, mask=image.getchannel("A"))
            image = paper
        if image.mode != _MODES[channels]:  # else it would be copied
            image = image.convert(_MODES[channels])
        return image if turn is None else image.transpose(turn)


def _in_8_bits(file: Image.Image) -> Image.Image:
    """Keep the high byte of 16 bits, as libpng and browsers do."""
    if not file.mode.startswith(_DEEP):
        return file
    tags = getattr(file, "tag_v2", {})
    (bits, *_) = tags.get(_BITS, (16,))
    pixels = (np.asarray(file) >> (bits - 8)).astype("uint8")
    inverted = tags.get(_WHITE_IS_ZERO) == 0
    return Image.fromarray(255 - pixels if inverted else pixels)


def _orientation(file: Image.Image) -> int:
    try:
        return int(file.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged notes beside whole pixels
        return 1


def _shown_size(file: Image.Image) -> tuple[int, int]:
    """Tell height and width of an upright picture by its header."""
    turned = "exif" in file.info and file.format != "TIFF"  # is upright already
    on_its_side = turned and _orientation(file) in _ON_ITS_SIDE
    return file.size if on_its_side else (file.height, file.width)


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
    except Exception as error:  # of what it cannot be
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
    if not path.is_file():  # it could keep us waiting for ever
        raise ValueError("no file but a pipe, device or nothing")
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(x.file_size for x in archive.infolist())
            check_declared(declared, path.stat().st_size)
            return {
                name.removesuffix(".npy"): _form(archive, name)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except Exception as error:  # of what it cannot be
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
