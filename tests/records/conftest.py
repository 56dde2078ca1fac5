"""A run's folder, and how it is opened anew."""

from pathlib import Path
from typing import Any

import pytest

from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.errors import InputError
from atsc_keras.records.models import Origin
from atsc_keras.records.run import Run
from tests.tiny_experiment import write_config


@pytest.fixture
def config(tmp_path: Path) -> ExperimentConfig:
    return load_config(write_config(tmp_path))


@pytest.fixture
def origin(config: ExperimentConfig) -> Origin:
    return Origin(
        job="distill",
        commands=(("atsc", "distill"),),
        config=config,
        data_digest="a" * 16,
        weights_digests={"student": "b" * 16},
    )


@pytest.fixture
def run(tmp_path: Path, origin: Origin) -> Path:
    """The folder of a run that has begun and written a model."""
    path = tmp_path / "run"
    with Run.open(path, origin) as run:
        run.write_text("student.keras", "weights")
        run.write_text("checkpoints/teacher/epoch-00001.npz", "state")
        run.note("student", "done")
    return path


def reopen(path: Path, origin: Origin, **arguments: Any) -> None:
    with Run.open(path, origin, **arguments):
        pass


def contents(path: Path) -> dict[Path, bytes]:
    return {f: f.read_bytes() for f in path.rglob("*") if f.is_file()}


def refusal(path: Path, origin: Origin, **arguments: Any) -> str:
    """The message, after a check that nothing has changed."""
    before = contents(path)
    with pytest.raises(InputError) as error:
        reopen(path, origin, **arguments)
    assert contents(path) == before
    assert "Received: " in str(error.value)
    return str(error.value)
