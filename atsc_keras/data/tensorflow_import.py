"""TensorFlow as a reader of data, whichever backend trains."""

from functools import cache
from typing import Any

from atsc_keras.errors import InputError


@cache
def import_tensorflow() -> Any:
    """Imports TensorFlow without taking devices from another backend.

    Returns:
        The module. Where JAX or torch trains, it sees no GPU: by default
        TensorFlow reserves nearly all GPU memory on first use.

    Raises:
        InputError: It is not installed.
    """
    import keras

    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        raise InputError(
            "TensorFlow must be installed to read, resize or augment images "
            f"on the host. Received: {error}. Install it with pip install "
            '"atsc-keras[tensorflow]", or train on jax or torch with '
            "data.augment_on=device from images in memory, of one size."
        ) from error

    if keras.config.backend() != "tensorflow":
        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError:
            # TensorFlow is in use already: the choice was somebody else's.
            pass
    return tf
