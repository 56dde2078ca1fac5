"""Where a source lies, and whether its images are held in memory."""

from math import prod
from pathlib import Path

from atsc_keras.config import DataConfig
from atsc_keras.errors import InputError
from atsc_keras.files.sizes import free_memory, in_words

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


def check_room(count: int, stored: tuple[int, ...], config: DataConfig) -> None:
    """See that arrays of the size that a config asks for fit into memory.

    Args:
        count: of the images.
        stored: (height, width, channels) that they have.
        config: its `image_size` and `channels`, and its batches, each of
            float32.

    Raises:
        InputError: if not.
    """
    height, width = (config.image_size or side for side in stored[:2])
    channels = config.channels or stored[2]
    made = count if config.image_size or config.channels else 0
    padding = 0 if config.crop_area else 2 * config.crop_padding
    batch = config.batch_size * (height + padding) * (width + padding) * 4
    needed = made * height * width * channels + batch * channels
    free = free_memory()
    if needed > free:
        raise InputError(
            "Images and a batch of them must fit into memory. Received: "
            f"{count} images of {height}x{width}x{channels} "
            f"(image_size={config.image_size}, batch_size="
            f"{config.batch_size}, crop_padding={config.crop_padding}), which "
            f"take {in_words(needed)} where {in_words(free)} are free. Use "
            "smaller ones."
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
