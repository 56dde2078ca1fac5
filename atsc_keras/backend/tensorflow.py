"""Gradients and the training step on TensorFlow."""

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import tensorflow as tf

from atsc_keras.types import Logs, Tensor


class UpdateTrainer(keras.Model):
    """A model whose training step is its own `update(data)`."""

    def update(self, data: Any) -> Logs:
        raise NotImplementedError(f"{type(self).__name__}.update")

    def train_step(self, data: Any) -> Logs:
        return self.update(data)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        if self.distribute_strategy.num_replicas_in_sync == 1:
            for kind in ("metrics", "weighted_metrics"):
                kwargs[kind] = _made(kwargs.get(kind), kwargs.get("loss"))
        super().compile(*args, **kwargs)

    def make_train_function(self, force: bool = False) -> Any:
        # What a step makes when it is traced has it traced a second time.
        with self.distribute_strategy.scope():
            self.optimizer.build(self.trainable_variables)
        if force or self.train_function is None:
            _warn_of_strided_pixels(self)
        return super().make_train_function(force)


def _made(metrics: Any, loss: Any) -> Any:
    """Make now what Keras makes of "accuracy" in the first traced step."""
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        kind: Any = keras.metrics.SparseCategoricalAccuracy
    elif isinstance(loss, keras.losses.CategoricalCrossentropy):
        kind = keras.metrics.CategoricalAccuracy
    else:
        return metrics
    return keras.tree.map_structure(
        lambda x: kind(name=x) if x in ("accuracy", "acc") else x, metrics
    )


def _warn_of_strided_pixels(trainer: keras.Model) -> None:
    """Warn where oneDNN of TensorFlow 2.21 writes outside its memory."""
    is_off = os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0"
    if is_off or tf.config.list_physical_devices("GPU"):
        return
    learning = set(map(id, trainer.trainable_variables))
    found = [
        layer.name
        for layer in trainer._flatten_layers()
        if isinstance(layer, keras.layers.Conv2D)
        and (layer.kernel_size, max(layer.strides) > 1) == ((1, 1), True)
        and layer.kernel.shape[2] < 16
        and id(layer.kernel) in learning
    ]
    if found:
        warnings.warn(
            "TensorFlow on a CPU can end without a message, or learn wrongly, "
            "where a 1x1 convolution with strides of fewer than 16 channels "
            f"learns. Received: {', '.join(found)}. Set "
            "TF_ENABLE_ONEDNN_OPTS=0 in the environment and start again.",
            stacklevel=2,
        )


def value_and_grad(
    objective: Callable[[], tuple[Tensor, Any]],
    variables: Sequence[keras.Variable],
    state: Sequence[keras.Variable],
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """Differentiate `objective` by `variables`."""
    del state  # assigned in place
    with tf.GradientTape() as tape:
        loss, other = objective()
    gradients = tape.gradient(loss, [v.value for v in variables])
    # Grappler drops the order of reading before assigning where a path joins
    # both through the IdentityN in which Keras sums gradients, then splits
    # that IdentityN: without this, heads held fixed may be read too late.
    with tf.control_dependencies(tf.nest.flatten((loss, other))):
        gradients = [g if g is None else tf.identity(g) for g in gradients]
    return (loss, other), gradients


def apply_gradients(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Tensor],
    variables: Sequence[keras.Variable],
) -> None:
    """Let an optimizer move the variables that it was built for."""
    with sole_replica():
        optimizer.apply(gradients, variables)


class _SoleReplica(tf.distribute.ReplicaContext):
    def all_reduce(
        self, reduce_op: Any, value: Any, options: Any = None
    ) -> Any:
        del reduce_op, options
        return value


def sole_replica() -> AbstractContextManager[Any]:
    """Leave out the sums over replicas where there is no strategy.

    What TensorFlow 2.21 sums while it traces a step is kept for ever, and with
    it the whole graph: its issue 97697. Under a strategy it still is.
    """
    if tf.distribute.has_strategy():
        return nullcontext()
    return _SoleReplica(tf.distribute.get_strategy(), 0)


def check_elements(
    dataset: tf.data.Dataset, labels: Any, check: Callable[[Any], None]
) -> tf.data.Dataset:
    """Let a dataset check its labels on the host, before they are used.

    Args:
        dataset: of batches; whatever backend trains on it.
        labels: their spec in it; None where it has none.
        check: takes labels as an array; what it raises ends the iteration.
    """
    if labels is None:
        check(None)

    def checked(images: Any, labels: Any, *weight: Any) -> Any:
        def look(values: Any) -> Any:
            check(values)
            return values

        seen = tf.numpy_function(look, [labels], labels.dtype)
        return (images, tf.ensure_shape(seen, labels.shape), *weight)

    return dataset.map(checked)


def replica_count() -> int:
    """Count the replicas of the current strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def batch_share(images: Tensor) -> Tensor | float:
    """Divide this replica's images by those of all replicas."""
    context = tf.distribute.get_replica_context()
    if context is None or replica_count() == 1:
        return 1.0
    size = tf.cast(tf.shape(images)[0], "float32")
    return size / context.all_reduce(tf.distribute.ReduceOp.SUM, size)


def replicate(devices: Sequence[str]) -> AbstractContextManager[Any]:
    """Make models on all of these devices, while it lasts."""
    return tf.distribute.MirroredStrategy(list(devices)).scope()


def peak_device_memory() -> int | None:
    """Read the bytes at most in use on the first GPU; None without one."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def process_place() -> tuple[int, int]:
    """Give number and count of the processes; Keras trains in one here."""
    return 0, 1


def wait_for_processes(name: str) -> None:
    """Do nothing: Keras trains in one process here."""
    del name
