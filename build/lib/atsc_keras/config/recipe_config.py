"""How one network, or one distillation, is trained."""

import math
from typing import Any, Literal

from pydantic import Field, field_validator

from atsc_keras.config.optimizer_config import OptimizerConfig
from atsc_keras.config.schedule_config import ScheduleConfig
from atsc_keras.config.strict_model import StrictModel, mistake


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

    epochs: int = Field(gt=0, examples=[240])
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    class_weight: Literal["balanced"] | dict[str | int, float] | None = Field(
        default=None, examples=["balanced"]
    )
    jit_compile: Literal["auto", True, False] = "auto"
    steps_per_execution: int = Field(default=1, gt=0)

    @field_validator("class_weight", mode="before")
    @classmethod
    def _weighs_classes(cls, value: Any) -> Any:
        # Before the union, whose findings would come for each of its forms.
        if value in (None, "balanced") or _are_weights(value):
            return value
        raise mistake(
            "must be balanced, or give classes weights of at least 0",
            "Write, for example, class_weight: {cat: 2.0}.",
        )


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str | int)
        and isinstance(weight, int | float)
        and not isinstance(weight, bool)
        and 0 <= weight < math.inf
        for key, weight in value.items()
    )
