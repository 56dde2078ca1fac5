"""Numbers as a report writes them."""

import math

NOTHING = "-"
# Above this many test images one image is less than 0.1 points.
_IMAGES_FOR_TWO_DECIMALS = 1000


def percent(share: float | None, images: int | None = None) -> str:
    """Write `97.2 %`; a second decimal where so many images can show it."""
    if share is None or not math.isfinite(share):
        return NOTHING
    decimals = 2 if (images or 0) > _IMAGES_FOR_TWO_DECIMALS else 1
    text = f"{100 * share:.{decimals}f}"
    if share < 1.0 and float(text) == 100.0:
        # Only all is 100 %.
        text = f"{100 - 10.0**-decimals:.{decimals}f}"
    return f"{text} %"


def quantity(number: float | None, unit: str = "") -> str:
    """Write `344.5 k`, `41.2 M`; with unit B `1.2 MB`."""
    if number is None or not math.isfinite(number):
        return NOTHING
    if number < 0:
        return f"-{quantity(-number, unit)}"
    for prefix, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        # From here on it would be rounded to 1000.0 of the smaller prefix.
        if number >= 0.99995 * factor:
            return f"{number / factor:.1f} {prefix}{unit}"
    return f"{number:.0f} {unit}".strip()


def ratio(number: float | None, reference: float | None) -> str:
    """Write `0.18x` of the reference; empty where either is unknown."""
    if number is None or not reference:
        return ""
    return f"{number / reference:.2f}x"


def decimal(number: float | None) -> str:
    """Write a loss: `0.0412`."""
    return NOTHING if number is None else f"{number:.4f}"


def difference(number: float | None) -> str:
    """Write a difference of logits: `2.9e-06`."""
    return NOTHING if number is None else f"{number:.1e}"


def duration(seconds: float) -> str:
    """Write `48 s`, `12 min 05 s`, `3 h 20 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min {rest:02d} s"
    return f"{hours} h {minutes_left:02d} min"
