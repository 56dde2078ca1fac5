"""The method's settings, checked."""

import math
from typing import Any

from atsc_keras.errors import InputError

_CHOICES = {
    "feature_loss": ("mse", "normalized_mse"),
    "l2sp_scope": ("all", "kernels"),
}


def check_settings(**settings: Any) -> dict[str, Any]:
    """Check what `ATSC` was given.

    Args:
        **settings: weights of the terms, `temperature`, `feature_loss` and
            `l2sp_scope`.

    Returns:
        The settings.

    Raises:
        InputError: if a number is not finite or out of range, or a name is
            not one of those known.
    """
    for name, value in settings.items():
        if name in _CHOICES:
            _check_choice(name, value)
            continue
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(
                f"`{name}` must be a finite number. Received: {name}={value!r}."
            )
        if name.endswith("_weight") and not value >= 0:
            raise InputError(
                f"`{name}` must not be negative. Received: {name}={value}. "
                "Use 0 to leave the term out."
            )
    if not settings["temperature"] > 0:
        raise InputError(
            "`temperature` must be positive. "
            f"Received: temperature={settings['temperature']}. Usual: 4."
        )
    return settings


def _check_choice(name: str, value: Any) -> None:
    if value not in _CHOICES[name]:
        raise InputError(
            f"`{name}` must be {' or '.join(map(repr, _CHOICES[name]))}. "
            f"Received: {name}={value!r}."
        )
