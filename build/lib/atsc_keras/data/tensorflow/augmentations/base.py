"""What an augmentation is, and Keras's layers drawing from a key for it."""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras

from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.types import Tensor

# float32 images (B, H, W, C), labels and a key -> images and labels.
Augmentation: TypeAlias = Callable[
    [Tensor, Tensor, TensorKey], tuple[Tensor, Tensor]
]


class KeyGenerator(keras.random.SeedGenerator):
    """A seed generator whose seeds are a pure function of a key.

    Keras's own counts how often it was asked since the process began, which
    no run can go on from.

    Args:
        key: decides the seeds.
    """

    def __init__(self, key: TensorKey) -> None:
        # Without Keras's own: it would make a variable, here in a graph.
        self._key = key
        self._asked = 0

    def next(self, ordered: bool = True) -> Tensor:
        """Give the next seed, another one at each place of the graph."""
        self._asked += 1
        return self._key.extend(self._asked).words


def for_tf_data(layer: keras.layers.Layer) -> Any:
    """Ready an augmentation layer for `transform_with`.

    Args:
        layer: one of Keras's, with `get_random_transformation`.

    Returns:
        The same; it computes with TensorFlow from now on.
    """
    # Calling the layer would do it, but with random numbers of its own.
    try:
        layer.backend.set_backend("tensorflow")
    except AttributeError as error:
        raise RuntimeError(
            "An augmentation must compute with TensorFlow on every backend, "
            f"as in Keras 3.15. Received: Keras {keras.__version__} "
            f"({error}). Install keras==3.15.*."
        ) from error
    return layer


def transform_with(layer: Any, images: Tensor, key: TensorKey) -> Tensor:
    """Transform a batch as the key decides.

    Args:
        layer: as `for_tf_data` returns it.
        images: float32 (B, H, W, C).
        key: decides the transformation.

    Returns:
        Images of the same shape.
    """
    transformation = layer.get_random_transformation(
        images, training=True, seed=KeyGenerator(key)
    )
    return layer.transform_images(images, transformation, training=True)
