"""`key.sub=value` from the command line, written over a config file."""

from collections.abc import Sequence
from typing import Any

import yaml

from atsc_keras.config.yaml_text import parse_yaml


def apply_overrides(
    values: dict[str, Any], overrides: Sequence[str]
) -> list[str]:
    """Write overrides into the values of a config file.

    Args:
        values: the mapping of the file; changed in place.
        overrides: each `key.sub=value`: keys joined by dots, a number for a
            place in a list, the value in YAML.

    Returns:
        The mistakes, a line each; an override with a mistake changes nothing.
    """
    mistakes = []
    for override in overrides:
        problem = _apply(values, override)
        if problem:
            mistakes.append(f"{problem} Received: {override!r}.")
    return mistakes


def _apply(values: dict[str, Any], override: str) -> str | None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        return "an override must be key=value, such as data.batch_size=32."
    try:
        value = parse_yaml(text)
    except yaml.YAMLError:
        return f"{key}: the value is not YAML. Put text in quotes."
    place: Any = values
    for depth, part in enumerate(parts):
        where = ".".join(parts[:depth])
        if isinstance(place, list):
            if not (part.isdecimal() and int(part) < len(place)):
                return (
                    f"{where}: is a list of {len(place)}; name the place in "
                    f"it, from {where}.0 to {where}.{len(place) - 1}."
                )
            index: Any = int(part)
        elif isinstance(place, dict):
            index = part
        else:
            return f"{where}: is one value, there is no {part!r} inside it."
        if depth == len(parts) - 1:
            place[index] = value
            return None
        if isinstance(place, dict) and place.get(index) is None:
            place[index] = {}
        place = place[index]
    return None
