"""Whether what is to go on, or to be replaced, is what a folder holds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atsc_keras.config import ExperimentConfig, differences, load_recorded
from atsc_keras.errors import InputError
from atsc_keras.records.models import Origin

CONFIG = "config.yaml"


def check_same(path: Path, origin: Origin, earlier: Origin) -> None:
    """Check that what is to go on is what the folder holds.

    Args:
        path: of the folder.
        origin: of what is to go on.
        earlier: of what the folder holds.

    Raises:
        InputError: if job, config, data or given weights are others.
    """
    if earlier.job != origin.job:
        raise InputError(
            "`--resume` must go on with the same job. Received: "
            f"{origin.job}, --run-dir={path} of {earlier.job}. "
            "Name another folder."
        )
    config = path / CONFIG
    before, now = (
        (o.data_digest, o.weights_digests) for o in (earlier, origin)
    )
    known = earlier.data_digest is not None
    if origin.config is not None and config.exists():
        changed = differences(
            load_recorded(config), origin.config, places=not known
        )
        if changed:
            raise InputError(
                "`--resume` needs the config that the run began with. "
                f"Received: {'; '.join(changed)}. Give "
                f"{config} as CONFIG, or use another --run-dir."
            )
    if known and before != now:
        what = "data" if before[0] != now[0] else "weights"
        raise InputError(
            "`--resume` goes on to the same result, with the data and "
            f"weights that the run began with. Received: other {what}: "
            f"{_differing(before, now)}. Put the former {what} back, or "
            "start again with --overwrite or another --run-dir."
        )


def check_inputs_survive(path: Path, config: ExperimentConfig | None) -> None:
    """Check that no folder is deleted in which the run finds its inputs."""
    for name in inputs_of(config) if config else ():
        if Path(name).resolve().is_relative_to(path.resolve()):
            raise InputError(
                "`--overwrite` must not delete what the run reads. "
                f"Received: {name} inside --run-dir={path}. Name another "
                "folder."
            )


def inputs_of(config: ExperimentConfig) -> Iterator[str]:
    """Name the files and folders that a config reads."""
    yield from filter(
        None,
        [
            config.data.path,
            config.student.weights,
            *(teacher.weights for teacher in config.teachers),
        ],
    )


def _differing(before: Any, now: Any) -> str:
    return ", ".join(
        f"digest {new} instead of {old}"
        for old, new in zip(before, now, strict=True)
        if old != new
    )
