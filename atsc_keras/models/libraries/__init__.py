"""Networks of other libraries by name, as encoders and classifiers.

`keras.applications/<constructor>`, and of KerasHub and KerasCV
`keras_hub/<preset>` or `keras_hub/<Backbone>(...)`; arguments in brackets
where wanted, as in `keras.applications/MobileNet(alpha=0.75)`.
"""

from collections.abc import Callable

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.libraries import applications, presets
from atsc_keras.models.libraries.pretrained import Pretrained
from atsc_keras.models.network_names import (
    APPLICATIONS,
    PREFIXES,
    PRESET_WEIGHTS,
    is_of_library,
)
from atsc_keras.types import Tensor


def library_encoder(
    name: str,
    image_shape: tuple[int, int, int],
    normalize: Callable[[Tensor], Tensor],
) -> keras.Model:
    """Build a library's network without its head, untrained.

    Args:
        name: with the prefix of the library.
        image_shape: `(height, width, channels)`.
        normalize: for networks that do not normalise pixels themselves.

    Returns:
        A model from pixels in [0, 255] to the last feature map.

    Raises:
        InputError: if there is no such network, or it cannot be built.
    """
    room = applications if name.startswith(APPLICATIONS) else presets
    return room.build_encoder(name, image_shape, normalize)


def pretrained_classifier(
    name: str, image_shape: tuple[int, int, int], weights: str, classes: int
) -> Pretrained:
    """Build a library's network with weights of that library.

    Pixels are normalised as those weights want it.

    Args:
        name: with the prefix of the library.
        image_shape: `(height, width, 3)`.
        weights: of `keras.applications`, "imagenet", which is downloaded, or
            the path of a `.h5` file that the constructor takes, of a network
            with its head or without; of a preset, "preset".
        classes: of the head; with the weights' own number of classes that is
            the network's own, else a new one.

    Returns:
        The classifier, and whether its head is the network's own.

    Raises:
        InputError: if there is no such network, it cannot be built, or the
            weights cannot be had.
    """
    if not is_of_library(name):
        raise InputError(
            f"`weights` must be a `.keras` file for {name}. Received: "
            f"weights={weights}, which is for networks of a library "
            f"({', '.join(PREFIXES)}). Give a file, or name such a network."
        )
    if image_shape[-1] != 3:
        raise InputError(
            "Networks with weights of a library take colour images. Received: "
            f"weights={weights}, images {image_shape}. Leave the weights out, "
            "or set `data.channels: 3`, which repeats grey for each channel."
        )
    of_applications = name.startswith(APPLICATIONS)
    if of_applications == (weights == PRESET_WEIGHTS):
        own = "imagenet or a .h5 file" if of_applications else "preset"
        raise InputError(
            f"`weights` of {name} must be {own}, or a `.keras` file. "
            f"Received: weights={weights}. Choose one of them."
        )
    if of_applications:
        return applications.build_pretrained(
            name, image_shape, weights, classes
        )
    return presets.build_pretrained(name, image_shape, classes)
