"""A config file and its overrides -> a checked `ExperimentConfig`."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from atsc_keras.config.data_config import DataConfig
from atsc_keras.config.experiment_config import ExperimentConfig
from atsc_keras.config.extending import read_config
from atsc_keras.config.mistakes import MOST_SHOWN, describe
from atsc_keras.config.overrides import apply_overrides
from atsc_keras.config.shipped import find_config
from atsc_keras.config.strict_model import as_recorded, neutral_values
from atsc_keras.config.student_config import StudentConfig
from atsc_keras.config.yaml_text import write_yaml
from atsc_keras.errors import InputError

_DIGEST_LENGTH = 16
_PLACES_OF_DATA = ("source", "name", "path")
_PLACE = re.compile(
    rf"data\.({'|'.join(_PLACES_OF_DATA)})|(teacher(\.\d+)?|student)\.weights"
)

_BESIDE = "same_size"  # one network more, which changes no other


def load_config(
    path: str | os.PathLike[str], overrides: Sequence[str] = ()
) -> ExperimentConfig:
    """Read an experiment and check all of it.

    A file that begins with `extends: OTHER`, a path relative to that file or
    the name of a shipped config such as `common/cifar100`, says only what it
    has different: mappings are merged, lists and other values replaced, null
    takes back. A section that names another `name` of an optimizer or a
    schedule replaces the one that it extends; another `source` of data leaves
    out `name` and `path` of the old one.

    Args:
        path: a YAML file, or the name of a shipped one. Paths of data and
            weights inside it are relative to the working directory.
        overrides: changes to the file, each `key.sub=value` with the value in
            YAML; a place in a list is its number: `teacher.0.network=x`.
            Another `name` or `source` leaves out what the file says of the
            old one alone, such as the momentum of `sgd`.

    Returns:
        The experiment, with nothing left to extend; its name is the stem of
        the file unless that file gives one.

    Raises:
        InputError: if the file or one that it extends cannot be read, or has
            mistakes: all of them are named, a line each.
    """
    path = find_config(Path(path))
    values, files = read_config(path)
    mistakes = apply_overrides(values, overrides, ExperimentConfig)
    count = len(mistakes)
    mistakes = mistakes[:MOST_SHOWN]
    if values.get("name") is None:
        values["name"] = path.stem
    try:
        config = ExperimentConfig.model_validate(values)
    except ValidationError as error:
        extended = {
            keys: file
            for keys, file in files.items()
            if file != path and not _overridden(keys, overrides)
        }
        most = MOST_SHOWN - len(mistakes)
        mistakes += describe(error, ExperimentConfig, extended, most)
        count += error.error_count()
    if mistakes:
        lines = "\n".join(f"  {line}" for line in mistakes)
        if count > len(mistakes):
            lines += f"\n  and {count - len(mistakes)} more."
        words = "1 mistake" if count == 1 else f"{count} mistakes"
        raise InputError(f"{path} has {words}:\n{lines}")
    return config


def _overridden(keys: tuple[str, ...], overrides: Sequence[str]) -> bool:
    """Tell whether an override changes the value at these keys, or a part."""
    changed = [tuple(o.partition("=")[0].strip().split(".")) for o in overrides]
    return any(keys[: len(other)] == other[: len(keys)] for other in changed)


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
    """Find what two experiments say differently of what they make.

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
        and key != f"student.{_BESIDE}"
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
        if isinstance(section, StudentConfig) and name == _BESIDE:
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
