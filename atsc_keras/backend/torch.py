"""Gradients and the training step on PyTorch."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import torch

from atsc_keras.types import Logs, Tensor


class UpdateTrainer(keras.Model):
    """A model whose training step is its own `update(data)`."""

    def update(self, data: Any) -> Logs:
        raise NotImplementedError(f"{type(self).__name__}.update")

    def train_step(self, data: Any) -> Logs:
        with torch.no_grad():  # only `value_and_grad` records
            return self.update(data)


def value_and_grad(
    objective: Callable[[], tuple[Tensor, Any]],
    variables: Sequence[keras.Variable],
    state: Sequence[keras.Variable],
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """Differentiate `objective` by `variables`."""
    del state  # assigned in place
    with torch.enable_grad():
        loss, other = objective()
    gradients = torch.autograd.grad(
        loss, [v.value for v in variables], allow_unused=True
    )
    other = keras.tree.map_structure(
        lambda x: x.detach() if isinstance(x, torch.Tensor) else x, other
    )
    return (loss.detach(), other), list(gradients)


def apply_gradients(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Tensor],
    variables: Sequence[keras.Variable],
) -> None:
    """Let an optimizer move the variables that it was built for."""
    optimizer.apply(gradients, variables)


def sole_replica() -> AbstractContextManager[None]:
    """Do nothing: there are no sums over replicas here."""
    return nullcontext()


def replica_count() -> int:
    """Give 1 always: training runs on one device."""
    return 1


def batch_share(images: Tensor) -> float:
    """Give 1 always: training runs on one device."""
    del images
    return 1.0


def replicate(devices: Sequence[str]) -> AbstractContextManager[None]:
    """Do nothing: Keras trains on one device here."""
    del devices
    return nullcontext()


def peak_device_memory() -> int | None:
    """Read the bytes at most in use on the first GPU; None without one."""
    if not torch.cuda.is_available():
        return None
    return int(torch.cuda.max_memory_allocated())


def process_place() -> tuple[int, int]:
    """Give number and count of the processes; Keras trains in one here."""
    return 0, 1


def wait_for_processes(name: str) -> None:
    """Do nothing: Keras trains in one process here."""
    del name
