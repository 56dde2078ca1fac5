"""RandAugment out of Keras's layers.

`keras.layers.RandAugment` gives all images of a batch the same operations,
turns by up to 180 degrees at its default strength, and counts its random
numbers.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import keras

from atsc_keras.config import AugmentationConfig
from atsc_keras.data.tensorflow import tf
from atsc_keras.data.tensorflow.augmentations.base import (
    Augmentation,
    for_tf_data,
    transform_with,
)
from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.types import Tensor

Operation: TypeAlias = Callable[[Tensor, TensorKey], Tensor]

# What magnitude 1 stands for, as in the paper's code.
_SHEAR = 0.3
_TRANSLATION = 0.45  # of the side
_ROTATION = 30 / 360  # of a turn
_ENHANCEMENT = 0.9  # around 1, of contrast, sharpness and colour
_BRIGHTNESS = 0.5  # of 255
_LOST_BITS = 4
_GREY = 128.0  # where pixels come from outside


def rand_augment(config: AugmentationConfig) -> Augmentation:
    """Make images that went through a few of fourteen operations.

    Each image draws its own operations, and their strengths evenly between
    nothing and `magnitude`. Colour, one of them, changes no grey image.

    Args:
        config: `operations` and `magnitude`.

    Returns:
        See `build_augmentation`.

    Reference:
        Cubuk et al. 2020, "RandAugment" (arXiv 1909.13719), where every
        strength is `magnitude` itself.
    """
    operations = list(build_operations(config.magnitude).values())

    def augment_one(image: Tensor, number: Tensor, key: TensorKey) -> Tensor:
        shape = image.shape
        for place in range(config.operations):
            own_key = key.extend(number, place)
            choice = own_key.integers([], len(operations))
            image = tf.switch_case(
                choice,
                [partial(f, image, own_key.extend(0)) for f in operations],
            )
            image = tf.ensure_shape(image, shape)
        return image

    def augment(
        images: Tensor, labels: Tensor, key: TensorKey
    ) -> tuple[Tensor, Tensor]:
        numbers = tf.range(tf.shape(images)[0])
        augmented = tf.map_fn(
            lambda pair: augment_one(pair[0], pair[1], key),
            (images, numbers),
            fn_output_signature=tf.TensorSpec(images.shape[1:], "float32"),
        )
        return augmented, labels

    return augment


def build_operations(magnitude: float) -> dict[str, Operation]:
    """Make the fourteen operations of the paper.

    Args:
        magnitude: their largest strength, 0 to 1.

    Returns:
        For the name of each a function of a float32 image (H, W, C) in
        [0, 255] and a key.
    """
    layers = keras.layers
    # Seeds are drawn from the key: these only keep Keras from drawing some.
    common = {"seed": 0, "dtype": "float32"}
    move = {"fill_mode": "constant", "fill_value": _GREY, **common}
    shear = (0.0, _SHEAR * magnitude)  # Keras draws the sign
    shift = (-_TRANSLATION * magnitude, _TRANSLATION * magnitude)
    turn = (-_ROTATION * magnitude, _ROTATION * magnitude)
    enhance = _ENHANCEMENT * magnitude
    # Keras's sharpness keeps the image at 1/2.
    sharpness = (0.5 - enhance / 2, 0.5 + enhance / 2)
    bits = 8 - round(_LOST_BITS * magnitude)
    made = {
        "shear_x": layers.RandomShear(x_factor=shear, y_factor=0.0, **move),
        "shear_y": layers.RandomShear(x_factor=0.0, y_factor=shear, **move),
        "translate_x": layers.RandomTranslation(0.0, shift, **move),
        "translate_y": layers.RandomTranslation(shift, 0.0, **move),
        "rotate": layers.RandomRotation(turn, **move),
        "brightness": layers.RandomBrightness(
            _BRIGHTNESS * magnitude, **common
        ),
        # From 1 - the first to 1 + the second.
        "contrast": layers.RandomContrast((enhance, enhance), **common),
        # Towards grey only.
        "colour": layers.RandomColorDegeneration((0.0, enhance), **common),
        "sharpness": layers.RandomSharpness(sharpness, **common),
        "posterize": layers.RandomPosterization((bits, 8), **common),
        "autocontrast": layers.AutoContrast(dtype="float32"),
        "equalize": layers.Equalization(dtype="float32"),
    }
    return {
        "identity": _identity,
        "solarize": _solarization(magnitude),
        **{name: _of_layer(layer) for name, layer in made.items()},
    }


def _of_layer(layer: keras.layers.Layer) -> Operation:
    ready = for_tf_data(layer)
    return lambda image, key: transform_with(ready, image[None], key)[0]


def _identity(image: Tensor, key: TensorKey) -> Tensor:
    return image


def _solarization(magnitude: float) -> Operation:
    # Keras's draws its threshold from 0 where it should from 255 * factor.
    def solarize(image: Tensor, key: TensorKey) -> Tensor:
        threshold = 256.0 * (1.0 - magnitude * key.uniform([]))
        return tf.where(image < threshold, image, 255.0 - image)

    return solarize
