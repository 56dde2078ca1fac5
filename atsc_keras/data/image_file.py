"""Image files -> pixels."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from atsc_keras.errors import InputError

_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")  # and I;16, I;16B, ...: Pillow would clip them to 255
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class ImageReader:
    """Read one image file after another into the same form.

    Args:
        size: height and width; images of another size are resized bilinearly.
        channels: 1 (grey) or 3 (RGB).
        short_side: None = resized without regard to the aspect ratio; N = the
            short side resized to N, and the centre cut out.
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
            path: the file.

        Returns:
            uint8 (H, W, C).

        Raises:
            InputError: if it cannot be decoded.
        """
        height, width = self.size
        try:
            with Image.open(path) as file:
                image = file.convert("L" if self.channels == 1 else "RGB")
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


def common_form(
    paths: Sequence[Path], image_size: int | None
) -> tuple[tuple[int, int], int]:
    """Find the form that all images are to have, from their headers.

    Args:
        paths: the files.
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
            with Image.open(path) as file:
                size = (file.height, file.width)
                mode = file.mode
        except _UNREADABLE as error:
            raise _undecodable(path, error) from error
        if mode.split(";")[0] in _DEEP:
            raise InputError(
                "Images must have 8 bits a channel. "
                f"Received: {path} in Pillow's mode {mode}. "
                "Scale it to 8 bits and save it again."
            )
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


def _undecodable(path: str | os.PathLike[str], error: Exception) -> InputError:
    return InputError(
        "Every image must be a readable PNG or JPEG. "
        f"Received: {os.fspath(path)}: {error}. Replace or remove it."
    )
