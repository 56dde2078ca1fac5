"""How the learning rate moves over the epochs."""

from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from atsc_keras.config.strict_model import StrictModel, mistake

_STEP_ONLY = ("milestones", "factor")


class ScheduleConfig(StrictModel):
    """A learning-rate schedule.

    Attributes:
        name: `step` (default), `cosine` or `constant`.
        milestones: only for `step`; epochs at whose start the rate is
            multiplied, strictly increasing, default [150, 180, 210].
        factor: only for `step`; the multiplier, default 0.1.
        warmup_epochs: epochs of linear warm-up; default 0.
    """

    name: Literal["step", "cosine", "constant"] = "step"
    # The list of YAML becomes a tuple; its numbers stay strict.
    milestones: tuple[int, ...] = Field(default=(150, 180, 210), strict=False)
    factor: float = Field(default=0.1, gt=0)
    warmup_epochs: int = Field(default=0, ge=0)

    # Runs for given values only: the defaults are never a mistake.
    @field_validator(*_STEP_ONLY)
    @classmethod
    def _belongs_to_step(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("name", "step") != "step":
            raise mistake(
                f"is only for name: step, not for name: {info.data['name']}",
                "Leave it out or use name: step.",
            )
        return value

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

    @model_serializer(mode="wrap")
    def _only_what_counts(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.name == "step":
            return values
        return {k: v for k, v in values.items() if k not in _STEP_ONLY}
