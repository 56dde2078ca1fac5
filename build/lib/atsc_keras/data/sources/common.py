"""Where a source lies, and whether its images are held in memory."""

from math import prod
from pathlib import Path

from atsc_keras.config import DataConfig
from atsc_keras.errors import InputError

# Beside the network and its framework on an ordinary machine.
LIMIT = 2 * 2**30  # bytes of decoded pixels, training and test together


def required_path(config: DataConfig, *, folder: bool = False) -> Path:
    """Find what `data.path` names.

    Args:
        config: its `path`.
        folder: whether it must be a folder; otherwise it must be a file.

    Returns:
        The path, the home folder written out.

    Raises:
        InputError: if it is not there, or not of that kind.
    """
    path = Path(config.path or "").expanduser()
    if path.is_dir() if folder else path.is_file():
        return path
    kind = "a folder" if folder else "a file"
    raise InputError(
        f"`data.path` must be {kind} for source {config.source!r}. "
        f"Received: path={config.path!r}. Check the path and the source."
    )


def fits_in_memory(count: int, image_shape: tuple[int, int, int]) -> bool:
    """Tell whether images are to be held decoded.

    Args:
        count: number of images, training and test together.
        image_shape: (height, width, channels), a byte each.

    Returns:
        True if they are under the limit.
    """
    return count * prod(image_shape) < LIMIT
