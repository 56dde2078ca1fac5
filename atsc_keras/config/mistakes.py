"""Pydantic's findings in the words of this project."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from atsc_keras.config.strict_model import inner_section
from atsc_keras.config.yaml_text import write_yaml
from atsc_keras.errors import shortened

_RULES = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "too_short": "must not be an empty list",
    "too_long": "must have at most {max_length} entries",
    "model_type": "must be a mapping of keys to values",
    "literal_error": "must be one of the known values",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "invalid_key": "is not a key: keys are text",
}
EXTENDS = "extends"
_LONGEST_SHOWN = 60  # characters of a received value, or of a key
MOST_SHOWN = 20  # mistakes


def describe(
    error: ValidationError,
    schema: type[BaseModel],
    extended: Mapping[tuple[str, ...], Path] = MappingProxyType({}),
    most: int = MOST_SHOWN,
) -> list[str]:
    """Describe the first findings, each in a line of its own.

    Args:
        error: what pydantic found.
        schema: the model that it was checking.
        extended: the file of each value, by its keys, that is in another file
            than the one that was asked for.
        most: of them; default 20.

    Returns:
        Lines "dotted.key: rule. Received: key=value. Way out.", and where that
        is if it is in another file.
    """
    lines = []
    for found in error.errors(include_url=False)[:most]:
        keys = _keys(found["loc"])
        shown = [shortened(key, _LONGEST_SHOWN) for key in keys]
        dotted = ".".join(shown)
        rule, way_out = _rule_and_way_out(dict(found), keys, schema)
        received = f"{shown[-1]}={_shown(found['input'])}"
        if found["type"] == "missing":
            received = "nothing"
        line = f"{dotted}: {rule}. Received: {received}. {way_out}"
        for end in range(len(keys), 0, -1):
            if tuple(keys[:end]) in extended:
                line += f" It is in {extended[tuple(keys[:end])]}."
                break
        lines.append(line)
    return lines


def _keys(location: tuple[int | str, ...]) -> list[str]:
    # The tag of the union is pydantic's, not the user's.
    if location[0] == "teacher" and location[1:2] in (("one",), ("several",)):
        location = ("teacher", *location[2:])
    return [str(part) for part in location if part != "[key]"]


def _rule_and_way_out(
    found: dict[str, Any], keys: list[str], schema: type[BaseModel]
) -> tuple[str, str]:
    context = found.get("ctx", {})
    kind = found["type"]
    if kind == "mistake":
        return context["rule"], context["way_out"]
    if kind == "extra_forbidden" and keys[-1] == EXTENDS:
        return "is for the top of a config file only", (
            f"Write it there, for example {EXTENDS}: common/cifar100.yaml."
        )
    if kind == "extra_forbidden":
        return "unknown key", _nearest(keys, schema)
    if kind == "literal_error":
        expected = context["expected"]
        way_out = f"Use {expected}."
        known = re.findall(r"'([^']*)'", expected)
        near = difflib.get_close_matches(str(found["input"]), known, n=1)
        if near:
            way_out = f"Did you mean '{near[0]}'? {way_out}"
        return _RULES[kind], way_out
    rule = found["msg"]
    if kind in _RULES:
        rule = _RULES[kind].format(**context)
    return rule, _example(keys, schema)


def _nearest(keys: list[str], schema: type[BaseModel]) -> str:
    section = _section(keys[:-1], schema)
    known = _key_names(section or schema, schema)
    near = difflib.get_close_matches(keys[-1], known, n=1)
    if near:
        return f"Did you mean `{near[0]}`?"
    elsewhere = [
        path for path in _all_keys(schema) if path.split(".")[-1] == keys[-1]
    ]
    if elsewhere:
        return f"Did you mean `{elsewhere[0]}`?"
    return _known(section or schema, schema)


def _known(section: type[BaseModel], schema: type[BaseModel]) -> str:
    return f"Known keys: {', '.join(_key_names(section, schema))}."


def _key_names(section: type[BaseModel], schema: type[BaseModel]) -> list[str]:
    # Of the file, no setting of the experiment.
    return [*section.model_fields, *([EXTENDS] if section is schema else [])]


def _example(keys: list[str], schema: type[BaseModel]) -> str:
    # Without the places in lists; the schema is the same for each of them.
    named = [key for key in keys if not key.isdecimal()]
    if not named:
        return _known(schema, schema)
    section = _section(named[:-1], schema)
    field = section.model_fields.get(named[-1]) if section else None
    if section is None or field is None:
        return _known(schema, schema)
    value = field.get_default(call_default_factory=True)
    if field.examples:
        value = field.examples[0]
    inner = inner_section(section, named[-1])
    if inner is not None:
        return _known(inner, schema)
    return f"Write, for example, {named[-1]}: {_shown(value)}."


def _section(
    keys: list[str], schema: type[BaseModel]
) -> type[BaseModel] | None:
    section: type[BaseModel] | None = schema
    for key in keys:
        if not key.isdecimal():
            section = inner_section(section, key)
    return section


def _all_keys(schema: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for key in schema.model_fields:
        yield prefix + key
        inner = inner_section(schema, key)
        if inner is not None:
            yield from _all_keys(inner, f"{prefix}{key}.")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        value = list(value)
    text = repr(value)
    if isinstance(value, bool) or value is None:
        text = write_yaml(value).split("\n")[0]
    return shortened(text, _LONGEST_SHOWN)
