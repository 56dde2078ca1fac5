"""Optimizers and schedules as the config words them."""

from typing import Any

import keras
from keras import ops

from atsc_keras.config import OptimizerConfig, RecipeConfig, ScheduleConfig
from atsc_keras.distillation.coupled_sgd import CoupledSGD
from atsc_keras.types import Tensor


@keras.saving.register_keras_serializable(package="atsc_keras")
class WarmedUp(keras.optimizers.schedules.LearningRateSchedule):
    """Raises another schedule linearly from near 0 over its first steps.

    Args:
        schedule: what follows, and what is scaled meanwhile.
        warmup_steps: step `k` (from 0) runs at `(k + 1) / warmup_steps` of
            the schedule until that reaches 1.
    """

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        warmup_steps: int,
    ) -> None:
        self.schedule = schedule
        self.warmup_steps = warmup_steps

    def __call__(self, step: Tensor) -> Tensor:
        done = (ops.cast(step, "float32") + 1.0) / self.warmup_steps
        return ops.minimum(done, 1.0) * self.schedule(step)

    def get_config(self) -> dict[str, Any]:
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "warmup_steps": self.warmup_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WarmedUp":
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["warmup_steps"])


def build_schedule(
    schedule: ScheduleConfig,
    learning_rate: float,
    epochs: int,
    steps_per_epoch: int,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Turn a schedule in epochs into one in batches.

    Args:
        schedule: its milestones are epochs after whose end the rate changes.
        learning_rate: before any change.
        epochs: of the whole training.
        steps_per_epoch: batches an epoch.

    Returns:
        A Keras schedule over the number of the batch, from 0.
    """
    schedules = keras.optimizers.schedules
    if schedule.name == "cosine":
        steps = schedules.CosineDecay(learning_rate, epochs * steps_per_epoch)
    else:
        milestones = schedule.milestones if schedule.name == "step" else ()
        reached = [m for m in milestones if m < epochs]
        # Keras keeps the old value at the boundary itself.
        boundaries = [m * steps_per_epoch - 1 for m in reached] or [2**31 - 1]
        values = [
            learning_rate * schedule.factor**count
            for count in range(len(boundaries) + 1)
        ]
        steps = schedules.PiecewiseConstantDecay(boundaries, values)
    if schedule.warmup_epochs:
        steps = WarmedUp(steps, schedule.warmup_epochs * steps_per_epoch)
    return steps


def build_optimizer(
    optimizer: OptimizerConfig, recipe: RecipeConfig, steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    """Build the optimizer that a config names, on the recipe's schedule.

    Args:
        optimizer: the config.
        recipe: whose schedule and epochs apply.
        steps_per_epoch: batches an epoch.

    Returns:
        A Keras optimizer.
    """
    rate = build_schedule(
        recipe.schedule,
        optimizer.learning_rate,
        recipe.epochs,
        steps_per_epoch,
    )
    # Keras asks a schedule for the rate of the batch, not of the update: with
    # accumulation too, milestones fall on their epochs.
    accumulated = optimizer.gradient_accumulation_steps
    common = {
        "learning_rate": rate,
        "clipnorm": optimizer.clipnorm,
        "global_clipnorm": optimizer.global_clipnorm,
        "gradient_accumulation_steps": accumulated if accumulated > 1 else None,
    }
    if optimizer.name == "sgd":
        return CoupledSGD(
            momentum=optimizer.momentum,
            nesterov=optimizer.nesterov,
            weight_decay=optimizer.weight_decay,
            **common,
        )
    kind = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    return kind[optimizer.name](weight_decay=optimizer.weight_decay, **common)
