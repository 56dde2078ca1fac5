"""How arrays of pictures are laid out, as far as their numbers tell."""

from typing import Any

import numpy as np

_CHANNELS = (1, 3, 4)
_AT_A_TIME = 256  # images
# Where 0 to 1, -1 to 1 or values around 0 are cast to bytes: what is negative
# comes out at the other end.
_SMALL, _LARGE = 2, 253


def is_channels_first(shape: tuple[int, ...]) -> bool:
    """Tell whether images seem to be `(N, channels, height, width)`.

    By a first side of 1, 3 or 4 where neither of the others is so small.
    """
    if len(shape) != 4 or shape[1] not in _CHANNELS:
        return False
    return min(shape[2:]) > max(_CHANNELS)


def find_cast(images: Any) -> str | None:
    """Find that pixels were cast to bytes after they had been scaled.

    Args:
        images: uint8 (N, ...).

    Returns:
        What the pixels are, in words; None where they can be plain ones.
        Black and white as 0 and 255 can.
    """
    smallest, largest = 255, 0
    for start in range(0, len(images), _AT_A_TIME):
        part = images[start : start + _AT_A_TIME]
        if np.any((part > _SMALL) & (part < _LARGE)):
            return None
        largest = max(largest, int(part.max()))
        inner = part[(part != 0) & (part != 255)]
        smallest = min(smallest, int(inner.min())) if inner.size else smallest
    if largest <= 1:
        return "0 and 1 alone" if largest else "0 alone"
    if smallest == 255:  # nothing but 0 and 255
        return None
    return "0 to 2 and 253 to 255 alone"
