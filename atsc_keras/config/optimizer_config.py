"""How weights are updated."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from atsc_keras.config.ranges import MOST_BATCHES
from atsc_keras.config.strict_model import NamedSection, mistake


class OptimizerConfig(NamedSection):
    """An optimizer.

    Attributes:
        name: `sgd` (default; decay and momentum coupled as in published
            recipes), `adam` or `adamw`.
        learning_rate: before the schedule; default 0.05.
        momentum: only for `sgd`; in [0, 1), default 0.9.
        nesterov: only for `sgd`; default false.
        weight_decay: default 5e-4; 0 turns it off.
        clipnorm: largest norm of each gradient; null (default) = no limit.
        global_clipnorm: largest norm of all gradients together, in place of
            `clipnorm`; null (default) = no limit.
        gradient_accumulation_steps: batches whose mean gradient makes one
            update; default 1.
    """

    used_by = {"momentum": ("sgd",), "nesterov": ("sgd",)}

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.05, ge=1e-12, le=3e38)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(default=5e-4, ge=0, le=100)
    clipnorm: float | None = Field(
        default=None, ge=1e-12, le=1e9, examples=[1.0]
    )
    global_clipnorm: float | None = Field(
        default=None, ge=1e-12, le=1e9, examples=[1.0]
    )
    gradient_accumulation_steps: int = Field(default=1, gt=0, le=MOST_BATCHES)

    @field_validator("global_clipnorm")
    @classmethod
    def _is_the_only_limit(
        cls, value: float | None, info: ValidationInfo
    ) -> float | None:
        each = info.data.get("clipnorm")
        if value is not None and each is not None:
            raise mistake(
                f"must be null beside a clipnorm, which is {each:g}",
                "Leave out one of the two.",
            )
        return value
