"""What needs TensorFlow, whichever backend trains; imported when used.

Importing this folder imports TensorFlow, without taking devices from another
backend: where JAX or torch trains, it sees no GPU. By default TensorFlow
reserves nearly all GPU memory on first use.

Raises:
    InputError: if TensorFlow is not installed.
"""

from typing import Any

import keras

from atsc_keras.errors import InputError

try:
    import tensorflow
except ModuleNotFoundError as error:
    raise InputError(
        "TensorFlow must be installed to read, resize or augment images "
        f"on the host. Received: {error}. Install it with pip install "
        '"atsc-keras[tensorflow]", or train on jax or torch with '
        "data.augment_on=device from images in memory, of one size."
    ) from error

tf: Any = tensorflow

if keras.config.backend() != "tensorflow":
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError:
        # TensorFlow is in use already: the choice was somebody else's.
        pass
