"""A config file and its overrides -> a checked `ExperimentConfig`."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from atsc_keras.config.experiment_config import ExperimentConfig
from atsc_keras.config.mistakes import describe
from atsc_keras.config.overrides import apply_overrides
from atsc_keras.config.shipped import find_config
from atsc_keras.config.yaml_text import parse_yaml, write_yaml
from atsc_keras.errors import InputError

_DIGEST_LENGTH = 16


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


def dump_config(config: ExperimentConfig) -> str:
    """Write an experiment, defaults included.

    Args:
        config: the experiment.

    Returns:
        YAML from which `load_config` makes an equal experiment.
    """
    return write_yaml(config.model_dump(mode="json"))


def config_digest(config: ExperimentConfig) -> str:
    """Names an experiment by what it says, so that a result can be traced.

    Args:
        config: the experiment. Of paths only the last part counts: data lie
            elsewhere on each machine. What is left at its default does not
            count: options that come later change no digest.

    Returns:
        16 hexadecimal digits, a part of the SHA-256 of its YAML.
    """
    values = config.model_dump(mode="json", exclude_defaults=True)
    teachers = values["teacher"]
    if isinstance(teachers, dict):
        teachers = [teachers]
    for section, key in [
        (values["data"], "path"),
        (values["student"], "weights"),
        *((teacher, "weights") for teacher in teachers),
    ]:
        if key in section:
            section[key] = Path(section[key]).name
    text = write_yaml(values).encode()
    return hashlib.sha256(text).hexdigest()[:_DIGEST_LENGTH]


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
