"""What is decoded once, and what is read again every epoch."""

from math import prod

# Beside the network and its framework on an ordinary machine.
LIMIT = 2 * 2**30  # bytes of decoded pixels, training and test together


def fits_in_memory(count: int, image_shape: tuple[int, int, int]) -> bool:
    """Says whether images are to be held decoded.

    Args:
        count: Number of images, training and test together.
        image_shape: (height, width, channels), a byte each.

    Returns:
        True if they are under the limit.
    """
    return count * prod(image_shape) < LIMIT
