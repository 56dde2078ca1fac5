"""A config file and its overrides -> a checked `ExperimentConfig`."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from atsc_keras.config.data_config import DataConfig
from atsc_keras.config.experiment_config import ExperimentConfig
from atsc_keras.config.mistakes import describe
from atsc_keras.config.overrides import apply_overrides
from atsc_keras.config.shipped import find_config
from atsc_keras.config.strict_model import as_recorded, neutral_values
from atsc_keras.config.yaml_text import parse_yaml, write_yaml
from atsc_keras.errors import InputError

_DIGEST_LENGTH = 16
_PLACES_OF_DATA = ("source", "name", "path")
_PLACE = re.compile(
    rf"data\.({'|'.join(_PLACES_OF_DATA)})|(teacher(\.\d+)?|student)\.weights"
)


def load_config(
    path: str | os.PathLike[str], overrides: Sequence[str] = ()
) -> ExperimentConfig:
    """Read an experiment and check all of it.

    Args:
        path: a YAML file, or the name of a shipped one. Paths inside it are
            relative to the working directory.
        overrides: changes to the file, each `key.sub=value` with the value in
            YAML; a place in a list is its number: `teacher.0.network=x`.

    Returns:
        The experiment; its name is the stem of the file unless given.

    Raises:
        InputError: if the file cannot be read, or has mistakes: all of them are
            named, a line each.
    """
    path = find_config(Path(path))
    values = read_mapping(
        path, "`data:`, `teacher:`, `student:`, `distillation:`"
    )
    mistakes = apply_overrides(values, overrides)
    if values.get("name") is None:
        values["name"] = path.stem
    try:
        config = ExperimentConfig.model_validate(values)
    except ValidationError as error:
        mistakes += describe(error, ExperimentConfig)
    if mistakes:
        count = (
            "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        )
        lines = "\n".join(f"  {line}" for line in mistakes)
        raise InputError(f"{path} has {count}:\n{lines}")
    return config


def load_recorded(path: Path) -> ExperimentConfig:
    """Read the config of a run, maybe of an earlier release.

    Args:
        path: of the `config.yaml` in its folder.

    Raises:
        InputError: as `load_config`.
    """
    config: ExperimentConfig = as_recorded(load_config(path))
    return config


def dump_config(config: ExperimentConfig) -> str:
    """Write an experiment, defaults included.

    Args:
        config: the experiment.

    Returns:
        YAML from which `load_config` makes an equal experiment.
    """
    return write_yaml(config.model_dump(mode="json"))


def config_digest(config: ExperimentConfig) -> str:
    """Name an experiment by what it says, so that a result can be traced.

    Args:
        config: the experiment. Where data and weights lie does not count:
            they have digests of their own. Nor does a setting at its neutral
            value, so that one that comes later changes no digest.

    Returns:
        16 hexadecimal digits, a part of the SHA-256 of its YAML.
    """
    text = write_yaml(said(config)).encode()
    return hashlib.sha256(text).hexdigest()[:_DIGEST_LENGTH]


def differences(
    before: ExperimentConfig, now: ExperimentConfig, *, places: bool = True
) -> list[str]:
    """Find what two experiments say differently.

    Args:
        before: the one.
        now: the other.
        places: whether it counts where data and weights lie; default yes.

    Returns:
        For each such key `key=new instead of old`.
    """
    old, new = (dict(_flat(c.model_dump(mode="json"))) for c in (before, now))
    return [
        f"{key}={new.get(key)!r} instead of {old.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
        and (places or not _PLACE.fullmatch(key))
    ]


def said(section: BaseModel) -> dict[str, Any]:
    """Leave what is neutral, and where things lie, out of a section."""
    neutral = neutral_values(type(section))
    said = {}
    for name in section.model_dump():  # what does not count is not in it
        value = getattr(section, name)
        if name in neutral and value == neutral[name]:
            continue
        if isinstance(section, DataConfig) and name in _PLACES_OF_DATA:
            continue
        if name == "weights":
            value = "given"
        if isinstance(value, tuple | list):
            value = [_plain(part) for part in value]
        said[name] = _plain(value)
    return said


def _plain(value: Any) -> Any:
    return said(value) if isinstance(value, BaseModel) else value


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Find the scalars of nested mappings and lists by their dotted keys."""
    if isinstance(value, dict):
        inner: Any = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        yield key, value
        return
    for name, part in inner:
        yield from _flat(part, f"{key}.{name}" if key else str(name))


def read_mapping(path: Path, example: str) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Args:
        path: the file.
        example: what it may start with, for the message.

    Raises:
        InputError: if there is none, or it holds something else.
    """
    if not path.exists():
        raise InputError(
            f"The config file must exist. Received: {path}. Check the path."
        )
    if path.is_dir():
        raise InputError(
            "The config must be a YAML file, not a directory. "
            f"Received: {path}. Name a file in it."
        )
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "The config file must be readable. "
            f"Received: {path} ({error.strerror}). Check its permissions."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            "The config file must be YAML. "
            f"Received: {path}, which is not: {error}. Correct that place."
        ) from error
    if not isinstance(values, dict):
        kind = "an empty file" if values is None else type(values).__name__
        raise InputError(
            "The config file must be a mapping of keys to values. "
            f"Received: {path}, which holds {kind}. Start with {example}."
        )
    return values
