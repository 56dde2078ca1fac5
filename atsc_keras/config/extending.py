"""`extends: other.yaml`: a config file says what it has of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from atsc_keras.config.experiment_config import ExperimentConfig
from atsc_keras.config.mistakes import EXTENDS
from atsc_keras.config.shipped import find_shipped, is_there, nearest_shipped
from atsc_keras.config.strict_model import StrictModel, inner_section
from atsc_keras.config.yaml_text import read_mapping
from atsc_keras.errors import InputError, shortened

_EXAMPLE = "`data:`, `teacher:`, `student:`, `distillation:`"
_LONGEST_CHAIN = 20  # files

Keys = tuple[str, ...]


@dataclass(frozen=True)
class _Said:
    """A value that is no mapping, and the file that says it."""

    value: Any
    path: Path


def read_config(path: Path) -> tuple[dict[str, Any], dict[Keys, Path]]:
    """Read a config file over those that it extends.

    Mappings are merged; any other value replaces what was there, lists too.
    Where a file names another kind of section (`name` of an optimizer or a
    schedule, `source` of data), what belongs to the old kind is left out.

    Args:
        path: the file. What it extends is a path relative to it, or the name
            of a shipped config. The `name` of what is extended is left out.

    Returns:
        The values, without `extends`; and which file says each that is no
        mapping, by its keys.

    Raises:
        InputError: if a file cannot be read or found, or extends itself.
    """
    merged: dict[str, Any] = {}
    for file, own in reversed(_read_chain(path)):
        merged = _merge(merged, _marked(own, file), ExperimentConfig)
    said = dict(_flat(merged))
    return _plain(merged), said


def _read_chain(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Read a file, what it extends, what that extends, and so on."""
    chain: list[tuple[Path, dict[str, Any]]] = []
    file: Path | None = path
    while file is not None:
        own = read_mapping(file, _EXAMPLE)
        if chain:
            own.pop("name", None)  # of another experiment
        chain.append((file, own))
        file = _extended(own, [file for file, _ in chain])
    return chain


def _extended(own: dict[str, Any], files: list[Path]) -> Path | None:
    """Find what the last of the files extends."""
    if EXTENDS not in own:
        return None
    given = own.pop(EXTENDS)
    if not isinstance(given, str) or not given.strip():
        raise InputError(
            f"`{EXTENDS}` must be the path of a config file or the name of a "
            f"shipped one. Received: {EXTENDS}: {shortened(repr(given))} in "
            f"{files[-1]}. Write, for example, {EXTENDS}: "
            "common/cifar100.yaml."
        )
    beside = files[-1].parent / given
    shipped = find_shipped(given)
    missing = not is_there(beside) or beside.is_dir()
    found = shipped if missing and shipped else beside
    received = " -> ".join(map(str, [*files, shortened(given)]))
    if len(files) == _LONGEST_CHAIN:
        raise InputError(
            f"Configs must extend each other at most {_LONGEST_CHAIN} deep. "
            f"Received: {files[0]} -> ... -> {shortened(given)}. Write what "
            "they say into fewer files."
        )
    if not is_there(found):
        raise InputError(
            "What a config extends must exist, as a path relative to its file "
            f"or as the name of a shipped config. Received: {received}. "
            f"Nearest of the shipped: {', '.join(nearest_shipped(given))}."
        )
    if found.resolve() in [file.resolve() for file in files]:
        raise InputError(
            "Configs must not extend each other in a circle. Received: "
            f"{received}. Take `{EXTENDS}` out of one of them."
        )
    return found


def _marked(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _marked(part, path) for key, part in value.items()}
    return _Said(value, path)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value.value


def _flat(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Path]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, (*keys, str(key)))
    else:
        yield keys, value.path


def _merge(
    base: dict[Any, Any], own: dict[Any, Any], section: type[BaseModel] | None
) -> dict[Any, Any]:
    """Write one marked mapping over another, by the schema of both."""
    merged = _without_other_kind(base, own, section)
    for key, value in own.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            value = _merge(before, value, inner_section(section, str(key)))
        merged[key] = value
    return merged


def _without_other_kind(
    base: dict[Any, Any], own: dict[Any, Any], section: type[BaseModel] | None
) -> dict[Any, Any]:
    """Copy `base` without what counts for another kind than `own` names."""
    if section is None or not issubclass(section, StrictModel):
        return dict(base)
    key = section.kind
    named = _value(own.get(key))
    if key is None or named is None:
        return dict(base)
    if named == _value(base.get(key), section.model_fields[key].default):
        return dict(base)
    if section.of_kind is None:
        return {}
    return {k: v for k, v in base.items() if k not in section.of_kind}


def _value(said: Any, default: Any = None) -> Any:
    return said.value if isinstance(said, _Said) else default
