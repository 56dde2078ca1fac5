"""How one network, or one distillation, is trained."""

from typing import Literal

from pydantic import Field

from atsc_keras.config.optimizer_config import OptimizerConfig
from atsc_keras.config.schedule_config import ScheduleConfig
from atsc_keras.config.strict_model import StrictModel


class RecipeConfig(StrictModel):
    """A training recipe.

    Attributes:
        epochs: Passes over the training images; required.
        optimizer: See `OptimizerConfig`.
        schedule: See `ScheduleConfig`.
        jit_compile: `auto` (default), true or false, as in `Model.compile`.
    """

    epochs: int = Field(gt=0, examples=[240])
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    jit_compile: Literal["auto", True, False] = "auto"
