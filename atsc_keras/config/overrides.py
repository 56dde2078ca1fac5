"""`key.sub=value` from the command line, written over a config file."""

from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from atsc_keras.config.strict_model import StrictModel, inner_section
from atsc_keras.config.yaml_text import TooMuchError, parse_yaml
from atsc_keras.errors import shortened

# Far below every place of a config, in keys.
_DEEPEST = 20
_MOST_DIGITS = 9  # of a place in a list


def apply_overrides(
    values: dict[str, Any],
    overrides: Sequence[str],
    section: type[BaseModel] | None = None,
) -> list[str]:
    """Write overrides into the values of a config file.

    One that names another kind, as `optimizer.name=adam` does, also takes out
    what the file says of the old kind alone, such as its momentum.

    Args:
        values: the mapping of the file; changed in place.
        overrides: each `key.sub=value`: keys joined by dots, a number for a
            place in a list, the value in YAML.
        section: whose values they are; default: unknown, and its kinds too.

    Returns:
        The mistakes, a line each; an override with a mistake changes nothing.
    """
    mistakes = []
    # The kinds first: what another override says of the new one stays.
    for override in overrides:
        _leave_out_old_kind(values, override, section)
    for override in overrides:
        problem = _apply(values, override)
        if problem:
            mistakes.append(f"{problem} Received: {shortened(override)!r}.")
    return mistakes


def _apply(values: dict[str, Any], override: str) -> str | None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        return "an override must be key=value, such as data.batch_size=32."
    if len(parts) > _DEEPEST:
        return f"an override must have at most {_DEEPEST} keys by dots."
    key = shortened(key)
    try:
        value = parse_yaml(text)
    except TooMuchError as error:
        return f"{key}: the value {error}. Give one setting."
    except yaml.YAMLError:
        return f"{key}: the value is not YAML. Put text in quotes."
    place: Any = values
    for depth, part in enumerate(parts):
        where = shortened(".".join(parts[:depth]))
        if isinstance(place, list):
            if not _is_place(part, place):
                return (
                    f"{where}: is a list of {len(place)}; name the place in "
                    f"it, from {where}.0 to {where}.{len(place) - 1}."
                )
            index: Any = int(part)
        elif isinstance(place, dict):
            index = part
        else:
            inside = shortened(part)
            return f"{where}: is one value, there is no {inside!r} inside it."
        if depth == len(parts) - 1:
            place[index] = value
            return None
        if isinstance(place, dict) and place.get(index) is None:
            place[index] = {}
        place = place[index]
    return None


def _is_place(part: str, values: list[Any]) -> bool:
    known = part.isdecimal() and len(part) <= _MOST_DIGITS
    return known and int(part) < len(values)


def _leave_out_old_kind(
    values: dict[str, Any], override: str, section: type[BaseModel] | None
) -> None:
    key, _, text = override.partition("=")
    *parts, last = key.strip().split(".")
    try:
        kind = parse_yaml(text)
    except yaml.YAMLError:
        return  # told by `_apply`
    place: Any = values
    for part in parts:
        if isinstance(place, list):
            place = place[int(part)] if _is_place(part, place) else None
        else:
            section = inner_section(section, part)
            place = place.get(part) if isinstance(place, dict) else None
    if not (
        section and issubclass(section, StrictModel) and last == section.kind
    ):
        return
    if isinstance(place, dict) and place.get(last) != kind:
        for old in section.of_other_kinds(kind):
            place.pop(old, None)
