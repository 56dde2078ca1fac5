"""The method's settings, checked."""

import math
from typing import Any

from atsc_keras.errors import InputError


def check_settings(**settings: Any) -> dict[str, Any]:
    """Check what `ATSC` was given.

    Args:
        **settings: weights of the terms, `temperature` and `l2sp_scope`.

    Returns:
        The settings.

    Raises:
        InputError: if one is no finite number, or out of range.
    """
    for name, value in settings.items():
        if name == "l2sp_scope":
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
    if settings["l2sp_scope"] not in ("all", "kernels"):
        raise InputError(
            "`l2sp_scope` must be 'all' or 'kernels'. "
            f"Received: l2sp_scope={settings['l2sp_scope']!r}."
        )
    return settings
