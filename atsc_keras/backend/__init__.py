"""The only room that names a framework: one file for each, chosen here."""

import keras

if keras.backend.backend() == "tensorflow":
    from atsc_keras.backend.tensorflow import UpdateTrainer
    from atsc_keras.backend.tensorflow import apply_gradients
    from atsc_keras.backend.tensorflow import replica_count
    from atsc_keras.backend.tensorflow import value_and_grad
elif keras.backend.backend() == "jax":
    from atsc_keras.backend.jax import UpdateTrainer
    from atsc_keras.backend.jax import apply_gradients
    from atsc_keras.backend.jax import replica_count
    from atsc_keras.backend.jax import value_and_grad
elif keras.backend.backend() == "torch":
    from atsc_keras.backend.torch import UpdateTrainer
    from atsc_keras.backend.torch import apply_gradients
    from atsc_keras.backend.torch import replica_count
    from atsc_keras.backend.torch import value_and_grad
else:
    raise ImportError(
        "`atsc_keras` trains on the backends tensorflow, jax and torch. "
        f"Received: backend={keras.backend.backend()!r}. "
        "Set KERAS_BACKEND to one of the three."
    )

__all__ = [
    "UpdateTrainer",
    "apply_gradients",
    "replica_count",
    "value_and_grad",
]
