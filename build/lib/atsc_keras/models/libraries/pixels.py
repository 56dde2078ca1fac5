"""Networks of libraries made to take plain pixels."""

from collections.abc import Callable

import keras

from atsc_keras.types import Tensor

_NORMALIZING = (keras.layers.Rescaling, keras.layers.Normalization)


def from_pixels(
    network: keras.Model,
    image_shape: tuple[int, int, int],
    normalize: Callable[[Tensor], Tensor],
    name: str,
) -> keras.Model:
    """Build a model from pixels in [0, 255] to the network's output.

    `normalize` comes first if needed; tokens are averaged, `(B, T, C)` to
    `(B, C)`: a student has no such tokens.
    """
    images = keras.Input(image_shape, name="image")
    x = network(images if _normalizes(network) else normalize(images))
    if len(x.shape) == 3:
        x = keras.layers.GlobalAveragePooling1D(name="average_of_tokens")(x)
    return keras.Model(images, x, name=name)


def _normalizes(network: keras.Model) -> bool:
    """Tell whether a network normalises pixels in layers of its own."""
    return any(
        isinstance(layer, _NORMALIZING)
        or (isinstance(layer, keras.Model) and _normalizes(layer))
        for layer in network.layers
    )
