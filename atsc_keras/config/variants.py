"""Variants of an experiment: one list of changes for many configs."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atsc_keras.config.experiment_config import ExperimentConfig
from atsc_keras.config.loading import load_config
from atsc_keras.config.yaml_text import read_mapping
from atsc_keras.errors import InputError, shortened

_MOST = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


def load_variants(
    path: str | os.PathLike[str] | None,
    config: str | os.PathLike[str],
    overrides: Sequence[str] = (),
) -> dict[str, ExperimentConfig]:
    """Read variants of ATSC, each a list of overrides by a name.

    Args:
        path: a YAML file such as `kernels: [distillation.l2sp_scope=kernels]`;
            None = there are none.
        config: the experiment that they are variants of.
        overrides: changes to all of them.

    Returns:
        Each variant's experiment by its name.

    Raises:
        InputError: if the file cannot be read, or a variant has mistakes or
            changes more than how teachers adapt and students are distilled.
    """
    if path is None:
        return {}
    base = _fixed_part(load_config(config, overrides))
    listed = read_mapping(Path(path), "`kernels: [...]`")
    if len(listed) > _MOST:
        raise InputError(
            f"There must be at most {_MOST} variants. Received: {len(listed)} "
            f"in {path}. Compare them in several files."
        )
    variants = {}
    for name, changes in listed.items():
        said = shortened(f"{name}: {changes}")
        if not _NAME.fullmatch(str(name)) or not _are_texts(changes):
            raise InputError(
                "A variant must be a name of letters, digits and _.+- with a "
                f"list of overrides. Received: {said} in {path}. "
                "Write, for example, kernels: [distillation.l2sp_scope="
                "kernels]."
            )
        try:
            variant = load_config(config, [*overrides, *changes])
        except InputError as error:
            raise InputError(f"Variant {name} of {path}: {error}") from error
        if _fixed_part(variant) != base:
            raise InputError(
                "A variant may change `distillation` and `trainable` of a "
                f"teacher. Received: {said} in {path}. Compare "
                "other changes as configs of their own."
            )
        variants[str(name)] = variant
    return variants


def _are_texts(changes: Any) -> bool:
    return isinstance(changes, list) and all(
        isinstance(change, str) for change in changes
    )


def _fixed_part(config: ExperimentConfig) -> ExperimentConfig:
    """Leave out of a config what a variant may change."""
    teachers = tuple(
        teacher.model_copy(update={"trainable": None})
        for teacher in config.teachers
    )
    # Of no run: it is compared only.
    return config.model_copy(update={"teacher": teachers, "distillation": None})
