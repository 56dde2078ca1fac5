"""Gradients and the training step on JAX, where both must be pure."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import jax
import keras
from jax.experimental import multihost_utils

from atsc_keras.errors import InputError
from atsc_keras.types import Logs, Tensor


class UpdateTrainer(keras.Model):
    """A model whose training step is its own `update(data)`."""

    train_function: Any  # Keras sets it

    def update(self, data: Any) -> Logs:
        raise NotImplementedError(f"{type(self).__name__}.update")

    def train_step(self, state: Any, data: Any) -> tuple[Logs, Any]:
        mapping = self._with_values(state)
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = self.update(data)
        return logs, tuple(
            [scope.get_current_value(v) for v in variables]
            for variables in self._state_groups()
        )

    def make_train_function(self, force: bool = False) -> None:
        before = self.train_function
        super().make_train_function(force)
        step = self.train_function
        if step is before:
            return

        def keeping_the_state(state: Any, iterator: Any) -> Any:
            try:
                return step(state, iterator)
            except BaseException:
                # While Keras fits, nothing but `state` holds the weights.
                for variable, value in self._with_values(state):
                    if not value.is_deleted():
                        variable.assign(value)
                raise

        self.train_function = keeping_the_state

    def _state_groups(self) -> tuple[list[keras.Variable], ...]:
        """List the state in the order in which Keras passes it on."""
        return (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )

    def _with_values(self, state: Any) -> list[tuple[keras.Variable, Any]]:
        return [
            pair
            for variables, values in zip(
                self._state_groups(), state, strict=True
            )
            for pair in zip(variables, values, strict=True)
        ]


def value_and_grad(
    objective: Callable[[], tuple[Tensor, Any]],
    variables: Sequence[keras.Variable],
    state: Sequence[keras.Variable],
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """Differentiate `objective` by `variables`."""
    # The scope inside hides all scopes outside: it must hold every variable.
    before = [(v, v.value) for v in state]

    def pure(values: list[Tensor]) -> tuple[Tensor, Any]:
        mapping = [*zip(variables, values, strict=True), *before]
        with keras.StatelessScope(
            state_mapping=mapping, collect_losses=True
        ) as scope:
            loss, other = objective()
        after = [scope.get_current_value(v) for v in state]
        return loss, (other, after)

    (loss, (other, after)), gradients = jax.value_and_grad(pure, has_aux=True)(
        [v.value for v in variables]
    )
    for variable, value in zip(state, after, strict=True):
        variable.assign(value)
    return (loss, other), gradients


def apply_gradients(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Tensor],
    variables: Sequence[keras.Variable],
) -> None:
    """Let an optimizer move the variables that it was built for."""
    # `apply` would leak tracers out of the branches of loss scaling.
    state = optimizer.variables
    weights_after, state_after = optimizer.stateless_apply(
        [v.value for v in state], gradients, [v.value for v in variables]
    )
    for variable, value in zip(
        [*variables, *state], [*weights_after, *state_after], strict=True
    ):
        variable.assign(value)


def sole_replica() -> AbstractContextManager[None]:
    """Do nothing: there are no sums over replicas here."""
    return nullcontext()


def replica_count() -> int:
    """Give 1 always: JAX sees the global batch, whatever the devices."""
    return 1


def batch_share(images: Tensor) -> float:
    """Give 1 always: JAX sees the global batch, whatever the devices."""
    del images
    return 1.0


@contextmanager
def replicate(devices: Sequence[str]) -> Iterator[None]:
    """Make models on all of these devices, while it lasts."""
    index, count = process_place()
    if jax.local_device_count() * count != jax.device_count():
        raise InputError(
            "Every process must have as many devices as the others. Received: "
            f"{jax.local_device_count()} of {jax.device_count()} on process "
            f"{index} of {count}. Show each of them as many."
        )
    # Consecutive rows of a batch are one process's.
    owners = {
        f"{device.platform}:{device.id}": device.process_index
        for device in jax.devices()
    }
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(
            devices=sorted(devices, key=lambda name: owners[name]),
            # Each process is handed its own rows.
            auto_shard_dataset=False,
        )
    )
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def peak_device_memory() -> int | None:
    """Read the bytes at most in use on the first device; None on a CPU."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    peak = statistics.get("peak_bytes_in_use")
    return None if peak is None else int(peak)


def process_place() -> tuple[int, int]:
    """Tell the number of this process, from 0, and how many train together."""
    return jax.process_index(), jax.process_count()


def wait_for_processes(name: str) -> None:
    """Wait until all processes have called it with this name."""
    multihost_utils.sync_global_devices(name)
