"""The only room that names a framework: one file for each, chosen here.

Each file offers the same ten names:

- `UpdateTrainer`: a `keras.Model` whose training step is its own
  `update(data)`.
- `value_and_grad(objective, variables, state)`: differentiates `objective`
  by `variables`. It takes nothing and returns the scalar to differentiate and
  anything else; it may read and assign any variable named in the call, and no
  other. `state` holds those that are not differentiated by; their new values
  are kept. Returns what `objective` returned, and a gradient for each
  variable: None, or zeros, where the objective does not depend on it.
- `apply_gradients(optimizer, gradients, variables)`: lets an optimizer move
  the variables that it was built for.
- `sole_replica()`: a context for a step, without the sums over replicas that
  are none where there is no strategy. TensorFlow keeps all that it sums.
- `replica_count()`: replicas over whose gradients the strategy sums.
- `batch_share(images)`: what part of a step's images this replica has.
- `replicate(devices)`: a context in which models are made for several devices
  that share each batch.
- `peak_device_memory()`: bytes at most in use on the first accelerator; None
  where there is none.
- `process_place()`: which of the processes that train together this one is,
  from 0, and how many there are.
- `wait_for_processes(name)`: returns when all of them have called it.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from atsc_keras.backend.tensorflow import (
        UpdateTrainer,
        apply_gradients,
        batch_share,
        peak_device_memory,
        process_place,
        replica_count,
        replicate,
        sole_replica,
        value_and_grad,
        wait_for_processes,
    )
elif keras.backend.backend() == "jax":
    from atsc_keras.backend.jax import (
        UpdateTrainer,
        apply_gradients,
        batch_share,
        peak_device_memory,
        process_place,
        replica_count,
        replicate,
        sole_replica,
        value_and_grad,
        wait_for_processes,
    )
elif keras.backend.backend() == "torch":
    from atsc_keras.backend.torch import (
        UpdateTrainer,
        apply_gradients,
        batch_share,
        peak_device_memory,
        process_place,
        replica_count,
        replicate,
        sole_replica,
        value_and_grad,
        wait_for_processes,
    )
else:
    raise ImportError(
        "`atsc_keras` trains on the backends tensorflow, jax and torch. "
        f"Received: backend={keras.backend.backend()!r}. "
        "Set KERAS_BACKEND to one of the three."
    )

__all__ = [
    "UpdateTrainer",
    "apply_gradients",
    "batch_share",
    "peak_device_memory",
    "process_place",
    "replica_count",
    "replicate",
    "sole_replica",
    "value_and_grad",
    "wait_for_processes",
]
