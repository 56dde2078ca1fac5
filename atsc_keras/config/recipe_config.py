"""How one network, or one distillation, is trained."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from atsc_keras.config.optimizer_config import OptimizerConfig
from atsc_keras.config.ranges import MOST_BATCHES, MOST_EPOCHS, Weight
from atsc_keras.config.schedule_config import ScheduleConfig
from atsc_keras.config.strict_model import StrictModel, mistake

_LARGEST_WEIGHT = 1e9


class RecipeConfig(StrictModel):
    """A training recipe.

    Attributes:
        epochs: passes over the training images; required.
        optimizer: see `OptimizerConfig`.
        schedule: see `ScheduleConfig`.
        class_weight: how much the images of a class count: null (default) = all
            alike, `balanced`, or weights by class name or number.
        jit_compile: `auto` (default), true or false, as in `Model.compile`.
        steps_per_execution: batches for which the backend is called once;
            default 1.
    """

    epochs: int = Field(gt=0, le=MOST_EPOCHS, examples=[240])
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    class_weight: Literal["balanced"] | dict[str | int, Weight] | None = Field(
        default=None, examples=["balanced"]
    )
    jit_compile: Literal["auto", True, False] = "auto"
    steps_per_execution: int = Field(default=1, gt=0, le=MOST_BATCHES)

    @field_validator("schedule")
    @classmethod
    def _warms_up_in_time(
        cls, value: ScheduleConfig, info: ValidationInfo
    ) -> ScheduleConfig:
        epochs = info.data.get("epochs", MOST_EPOCHS)
        if value.warmup_epochs > epochs:
            raise mistake(
                f"must not warm up for {value.warmup_epochs} epochs of a "
                f"training of {epochs}, which never reaches its learning rate",
                f"Set warmup_epochs to {epochs // 10}, or train longer.",
            )
        return value

    @field_validator("class_weight", mode="before")
    @classmethod
    def _weighs_classes(cls, value: Any) -> Any:
        # Before the union, whose findings would come for each of its forms.
        if value in (None, "balanced") or _are_weights(value):
            return value
        raise mistake(
            "must be balanced, or give classes weights from 0 to 1e9",
            "Write, for example, class_weight: {cat: 2.0}.",
        )


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str | int)
        and isinstance(weight, int | float)
        and not isinstance(weight, bool)
        and 0 <= weight <= _LARGEST_WEIGHT
        for key, weight in value.items()
    )
