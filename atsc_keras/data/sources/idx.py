"""A folder of MNIST-format files."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atsc_keras.config import DataConfig
from atsc_keras.data.assembly import dataset_from_arrays
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.sources.common import required_path
from atsc_keras.errors import InputError
from atsc_keras.files.sizes import check_declared

_UNSIGNED_BYTES = 8  # third byte of the file
_RANKS = {"images": 3, "labels": 1}


def look(config: DataConfig) -> int | None:
    """Find the four files, and count the training images.

    Raises:
        InputError: if a file is missing.
    """
    folder = required_path(config, folder=True)
    found = {
        (split, kind): _find(folder, split, kind)
        for split in ("train", "t10k")
        for kind in _RANKS
    }
    images = found["train", "images"]
    try:
        opened = gzip.open if images.suffix == ".gz" else open
        with opened(images, "rb") as file:
            header = file.read(8)
    except (OSError, EOFError, zlib.error):
        return None  # told with the rest, when it is read
    whole = header[:3] == bytes([0, 0, _UNSIGNED_BYTES]) and len(header) == 8
    return int.from_bytes(header[4:], "big") if whole else None


def load(config: DataConfig) -> Dataset:
    """Load train-* and t10k-*, images and labels, gzipped or not.

    Args:
        config: the folder and the image size.

    Returns:
        The data set; the format has no class names, so they are numbers.

    Raises:
        InputError: if a file is missing or broken.

    Reference:
        "THE IDX FILE FORMAT" of the MNIST page, yann.lecun.com/exdb/mnist.
    """
    folder = required_path(config, folder=True)
    parts = {
        (split, kind): _read(_find(folder, split, kind), _RANKS[kind])
        for split in ("train", "t10k")
        for kind in _RANKS
    }
    return dataset_from_arrays(
        (parts["train", "images"], parts["train", "labels"]),
        (parts["t10k", "images"], parts["t10k", "labels"]),
        config,
    )


def _find(folder: Path, split: str, kind: str) -> Path:
    # Plain before gzipped: who unpacked a file means that one.
    stem = f"{split}-{kind}-idx{_RANKS[kind]}-ubyte"
    for name in (stem, f"{stem}.gz"):
        if (folder / name).is_file():
            return folder / name
    raise InputError(
        "An idx folder must hold train-images-idx3-ubyte, "
        "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
        "t10k-labels-idx1-ubyte, each plain or .gz. "
        f"Received: {folder}, which has no {stem}. Check the path."
    )


def _read(path: Path, rank: int) -> NDArray[np.uint8]:
    start = 4 + 4 * rank
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            data = file.read(start)
            whole = len(data) == start and data[2] == _UNSIGNED_BYTES
            sizes = np.frombuffer(data[4:], ">u4").tolist() if whole else [0]
            promised = math.prod(sizes)
            check_declared(promised, path.stat().st_size)
            # A byte more shows that there are more.
            data += file.read(promised + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(
            "An idx file must be readable. "
            f"Received: {path}: {error}. Download it again."
        ) from error
    if len(data) < start or data[:4] != bytes([0, 0, _UNSIGNED_BYTES, rank]):
        raise InputError(
            f"An idx file of rank {rank} must begin with the bytes 00 00 "
            f"{_UNSIGNED_BYTES:02x} {rank:02x} and its sizes. "
            f"Received: {path} with {data[:4].hex(' ') or 'nothing'}. "
            "Check that it is in the MNIST format, with unsigned bytes."
        )
    shape = tuple(int(n) for n in np.frombuffer(data[4:start], ">u4"))
    if len(data) - start != math.prod(shape):
        raise InputError(
            "An idx file must hold as many bytes as its header says. "
            f"Received: {path} with {len(data) - start} for the shape {shape}. "
            "Download it again."
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
