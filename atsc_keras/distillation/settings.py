"""The settings of a trainer, checked when it is made."""

import dataclasses
import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from atsc_keras.errors import InputError


def _finite(name: str, value: Any) -> float:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise InputError(
            f"`{name}` must be a finite number. Received: {name}={value!r}."
        )
    return float(value)


def check_weight(name: str, value: Any) -> float:
    """Take a finite number, 0 or more."""
    number = _finite(name, value)
    if number < 0:
        raise InputError(
            f"`{name}` must not be negative. Received: {name}={value}. "
            "Use 0 to leave the term out."
        )
    return number


def _temperature(name: str, value: Any) -> float:
    number = _finite(name, value)
    if number <= 0:
        raise InputError(
            f"`{name}` must be positive. Received: {name}={value}. Usual: 4."
        )
    return number


def _epochs(name: str, value: Any) -> int:
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_whole or value < 0:
        raise InputError(
            f"`{name}` must be a whole number, 0 or more. Received: "
            f"{name}={value!r}."
        )
    return int(value)


def _one_of(*choices: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in choices:
            raise InputError(
                f"`{name}` must be {' or '.join(map(repr, choices))}. "
                f"Received: {name}={value!r}."
            )
        return value

    return check


def _checked(check: Callable[[str, Any], Any], default: Any) -> Any:
    return dataclasses.field(default=default, metadata={"check": check})


@dataclasses.dataclass(frozen=True)
class Settings:
    """Numbers and choices of a trainer.

    NumPy's numbers become Python's, so that a trainer can be saved.

    Raises:
        InputError: if a number is not finite or out of range (a bool is no
            number), or a name is not one of those known.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = field.metadata["check"](
                field.name, getattr(self, field.name)
            )
            object.__setattr__(self, field.name, value)

    def as_dict(self) -> dict[str, Any]:
        """Give settings by name, as the trainer's constructor takes them."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class ATSCSettings(Settings):
    """Those of `ATSC`, which documents them."""

    feature_loss_weight: float = _checked(check_weight, 1.0)
    feature_loss: str = _checked(
        _one_of("mse", "normalized_mse"), "normalized_mse"
    )
    l2sp_weight: float = _checked(check_weight, 1.0)
    student_loss_weight: float = _checked(check_weight, 1.0)
    logits_loss_weight: float = _checked(check_weight, 1.0)
    temperature: float = _checked(_temperature, 4.0)
    l2sp_scope: str = _checked(_one_of("all", "kernels"), "all")


@dataclasses.dataclass(frozen=True)
class FixedTeacherSettings(Settings):
    """Those of `KnowledgeDistillation`, which documents them."""

    transfer_weight: float = _checked(check_weight, 1.0)
    student_loss_weight: float = _checked(check_weight, 1.0)
    logits_loss_weight: float = _checked(check_weight, 1.0)
    temperature: float = _checked(_temperature, 4.0)
    warmup_epochs: int = _checked(_epochs, 0)
