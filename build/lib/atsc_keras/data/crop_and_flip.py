"""Crop and flip, for a whole batch at once: inside the training step."""

from typing import Any

import keras
from keras import ops

from atsc_keras.config import DataConfig
from atsc_keras.data.randomness import Key
from atsc_keras.types import Tensor


@keras.saving.register_keras_serializable(package="atsc_keras")
class CropAndFlip(keras.layers.Layer):
    """Takes the window of each zero-padded image that comes with it.

    Nothing is drawn here: the pipeline sends what it has drawn, so that the
    images are those that it would have made itself.

    Args:
        padding: pixels of zeros on every side; default 4.
        **kwargs: as for `keras.layers.Layer`.

    Call arguments:
        inputs: uint8 images `(B, H, W, C)` and int32 placements `(B, 3)`, as
            `draw_placements` says; or images alone, which stay
            as they are.
        training: if false (default), the images stay as they are.

    Returns:
        float32 images of the same shape.
    """

    def __init__(self, padding: int = 4, **kwargs: Any) -> None:
        # Pixels, not activations: whole numbers up to 255 in any precision.
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.padding = padding
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        if not isinstance(inputs, tuple | list):
            return ops.cast(inputs, "float32")
        images, placements = inputs
        if training:
            images = self._windows(images, placements)
        return ops.cast(images, "float32")

    def _windows(self, images: Tensor, placements: Tensor) -> Tensor:
        count = ops.shape(images)[0]
        height, width, channels = images.shape[1:]
        high, wide = height + 2 * self.padding, width + 2 * self.padding
        sides = (self.padding, self.padding)
        padded = ops.pad(images, [(0, 0), sides, sides, (0, 0)])
        top, left, mirrored = (placements[:, place, None] for place in range(3))
        across = ops.arange(width, dtype="int32")
        columns = left + ops.where(mirrored == 1, width - 1 - across, across)
        rows = top + ops.arange(height, dtype="int32")
        rows += high * ops.arange(count, dtype="int32")[:, None]
        # One gather of whole pixels out of all images.
        places = wide * rows[:, :, None] + columns[:, None, :]
        return ops.take(ops.reshape(padded, (-1, channels)), places, axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        one = isinstance(input_shape[0], int | None)
        return input_shape if one else input_shape[0]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["dtype"]
        return {**config, "padding": self.padding}


def draw_placements(
    count: Any, *, padding: int, flip: bool, key: Key
) -> tuple[Any, Any, Any]:
    """Draw which window of each padded image is taken, and how.

    Args:
        count: images in the batch.
        padding: pixels of zeros on every side; 0 = the window is the image.
        flip: whether to mirror each window with probability 1/2.
        key: decides the windows.

    Returns:
        int32 top and left (count,) in the padded image, and 1 where mirrored.
    """

    def draw(limit: int, purpose: int) -> Any:
        return key.extend(purpose).integers([count], limit)

    places = 2 * padding + 1
    return draw(places, 0), draw(places, 1), draw(2 if flip else 1, 2)


def device_augmentation(config: DataConfig) -> CropAndFlip | None:
    """Make what the training step is to do to its images.

    Args:
        config: where to augment, and how.

    Returns:
        The layer; None where images come augmented from the host.
    """
    if config.augment_on == "host":
        return None
    return CropAndFlip(0 if config.crop_area else config.crop_padding)
