"""TensorFlow as a reader of data, whichever backend trains."""

from functools import cache
from typing import Any


@cache
def import_tensorflow() -> Any:
    """Imports TensorFlow without taking devices from another backend.

    Returns:
        The module. Where JAX or torch trains, it sees no GPU: by default
        TensorFlow reserves nearly all GPU memory on first use.
    """
    import keras
    import tensorflow as tf

    if keras.config.backend() != "tensorflow":
        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError:
            # TensorFlow is in use already: the choice was somebody else's.
            pass
    return tf
