"""How weights are updated."""

from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from atsc_keras.config.strict_model import StrictModel, mistake

_SGD_ONLY = ("momentum", "nesterov")


class OptimizerConfig(StrictModel):
    """An optimizer.

    Attributes:
        name: `sgd` (default; decay and momentum coupled as in published
            recipes), `adam` or `adamw`.
        learning_rate: before the schedule; default 0.05.
        momentum: only for `sgd`; in [0, 1), default 0.9.
        nesterov: only for `sgd`; default false.
        weight_decay: default 5e-4; 0 turns it off.
        clipnorm: largest norm of each gradient; null (default) = no limit.
        gradient_accumulation_steps: batches whose mean gradient makes one
            update; default 1.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.05, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(default=5e-4, ge=0)
    clipnorm: float | None = Field(default=None, gt=0, examples=[1.0])
    gradient_accumulation_steps: int = Field(default=1, gt=0)

    # Runs for given values only: the defaults are never a mistake.
    @field_validator(*_SGD_ONLY)
    @classmethod
    def _belongs_to_sgd(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("name", "sgd") != "sgd":
            raise mistake(
                f"is only for name: sgd, not for name: {info.data['name']}",
                "Leave it out or use name: sgd.",
            )
        return value

    @model_serializer(mode="wrap")
    def _only_what_counts(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.name == "sgd":
            return values
        return {k: v for k, v in values.items() if k not in _SGD_ONLY}
