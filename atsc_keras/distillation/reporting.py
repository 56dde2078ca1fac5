"""What a step reports: each teacher's numbers, and one for all."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from atsc_keras.types import Logs, Tensor


def _mean(values: Sequence[Tensor]) -> Tensor:
    return sum(values) / len(values)


def _least(values: Sequence[Tensor]) -> Tensor:
    return ops.min(ops.stack(values))


# How one number comes from those of several teachers.
_COMBINED: dict[str, Callable[[Sequence[Tensor]], Tensor]] = {
    "feature_loss": sum,
    "l2sp_loss": sum,
    "teacher_loss": sum,
    "teacher_accuracy": _mean,
    "teacher_feature_power": _least,
}


def reported_names(teachers: int) -> list[str]:
    """Name the numbers of a step: for all teachers, and of each of several."""
    numbers = range(1, teachers + 1) if teachers > 1 else ()
    each = [f"{name}_{number}" for number in numbers for name in _COMBINED]
    return [*_COMBINED, *each]


def teacher_names(teachers: int) -> list[str]:
    """Name teachers in words: "teacher", or "teacher 1", "teacher 2", ..."""
    if teachers == 1:
        return ["teacher"]
    return [f"teacher {number}" for number in range(1, teachers + 1)]


def combine(each: Mapping[str, Sequence[Tensor]]) -> Logs:
    """Report what the teachers gave.

    Args:
        each: for each kind of number the scalars of the teachers.

    Returns:
        The scalars that `reported_names` lists: `teacher_loss` of all, and
        of several also `teacher_loss_1`, `teacher_loss_2`, ...
    """
    logs = {name: _COMBINED[name](values) for name, values in each.items()}
    for name, values in each.items():
        if len(values) > 1:
            for number, value in enumerate(values, start=1):
                logs[f"{name}_{number}"] = value
    return logs


def rate_of(optimizer: keras.optimizers.Optimizer) -> float:
    """Read a learning rate; of several optimizers in one, the default's."""
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        return rate_of(optimizer.optimizers[-1])
    return float(ops.convert_to_numpy(optimizer.learning_rate))


class LearningRates(keras.callbacks.Callback):
    """Adds the rate of every optimizer to the logs, under its own name."""

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if logs is not None:
            for name, optimizer in self.model.optimizers.items():
                rate = rate_of(optimizer)
                logs[name.replace("optimizer", "learning_rate")] = rate
