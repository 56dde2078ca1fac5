"""How the learning rate moves over the epochs."""

from typing import Literal

from pydantic import Field, field_validator

from atsc_keras.config.ranges import MOST_EPOCHS, Epoch
from atsc_keras.config.strict_model import NamedSection, mistake


class ScheduleConfig(NamedSection):
    """A learning-rate schedule.

    Attributes:
        name: `step` (default), `cosine` or `constant`.
        milestones: only for `step`; epochs at whose start the rate is
            multiplied, strictly increasing, default [150, 180, 210].
        factor: only for `step`; the multiplier, default 0.1.
        warmup_epochs: epochs of linear warm-up; default 0.
    """

    used_by = {"milestones": ("step",), "factor": ("step",)}

    name: Literal["step", "cosine", "constant"] = "step"
    # The list of YAML becomes a tuple; its numbers stay strict.
    milestones: tuple[Epoch, ...] = Field(
        default=(150, 180, 210), strict=False, max_length=30
    )
    factor: float = Field(default=0.1, ge=1e-6, le=10)
    warmup_epochs: int = Field(default=0, ge=0, le=MOST_EPOCHS)

    @field_validator("milestones")
    @classmethod
    def _strictly_increasing(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        increasing = all(
            a < b for a, b in zip((0, *value), value, strict=False)
        )
        if not increasing:
            raise mistake(
                "must be epochs greater than 0 in strictly increasing order",
                "Write, for example, [150, 180, 210].",
            )
        return value
