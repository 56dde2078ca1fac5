"""A run folder is only ever deleted or continued by the run it belongs to."""

import json
from pathlib import Path
from typing import Any

import pytest

from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.errors import InputError
from atsc_keras.processes import write_atomically
from atsc_keras.records.run import RunFolder
from tests.tiny_experiment import write_config

ENVIRONMENT = {"job": "distill", "seed": 0}


@pytest.fixture
def config(tmp_path: Path) -> ExperimentConfig:
    return load_config(write_config(tmp_path))


@pytest.fixture
def run(tmp_path: Path, config: ExperimentConfig) -> Path:
    """The folder of a run that has begun and written a model."""
    path = tmp_path / "run"
    RunFolder.open(path, config, ENVIRONMENT)
    (path / "student.keras").write_text("weights")
    return path


def refusal(path: Path, config: ExperimentConfig, **arguments: Any) -> str:
    """The message, after a check that nothing has changed."""
    environment = {**ENVIRONMENT, "job": arguments.pop("job", "distill")}
    before = {f: f.read_bytes() for f in path.rglob("*") if f.is_file()}
    with pytest.raises(InputError) as error:
        RunFolder.open(path, config, environment, **arguments)
    after = {f: f.read_bytes() for f in path.rglob("*") if f.is_file()}
    assert after == before
    assert "Received: " in str(error.value)
    return str(error.value)


def test_new_folder_holds_config_and_environment(
    run: Path, config: ExperimentConfig
) -> None:
    assert load_config(run / "config.yaml") == config
    assert json.loads((run / "environment.json").read_text()) == ENVIRONMENT


def test_existing_run_needs_a_decision(
    run: Path, config: ExperimentConfig
) -> None:
    assert "Add --resume" in refusal(run, config)
    assert "Give one of them" in refusal(
        run, config, resume=True, overwrite=True
    )
    RunFolder.open(run, config, ENVIRONMENT, resume=True)
    assert (run / "student.keras").exists()
    RunFolder.open(run, config, ENVIRONMENT, overwrite=True)
    assert not (run / "student.keras").exists()


@pytest.mark.parametrize("decision", ["resume", "overwrite"])
def test_folder_with_foreign_files_is_left_alone(
    decision: str, run: Path, config: ExperimentConfig
) -> None:
    (run / "thesis.txt").write_text("mine")
    assert "holds thesis.txt" in refusal(run, config, **{decision: True})
    (run / "thesis.txt").unlink()
    (run / "environment.json").unlink()
    message = refusal(run, config, **{decision: True})
    assert "holds no environment.json" in message


def test_what_a_killed_run_was_writing_is_removed(
    run: Path, config: ExperimentConfig
) -> None:
    parts = [
        run / ".part-history.csv",
        run / ".part-student.keras",
        run / "checkpoints" / "teacher" / ".part-epoch-00001.npz",
        run / ".part-export" / "student.onnx",
    ]
    for part in parts:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("half")
    RunFolder.open(run, config, ENVIRONMENT, resume=True)
    assert not list(run.rglob(".part-*"))
    assert (run / "student.keras").read_text() == "weights"
    (run / ".part-thesis.txt").write_text("mine")
    assert "holds .part-thesis.txt" in refusal(run, config, resume=True)


def test_run_killed_in_its_first_write_begins_again(
    tmp_path: Path, config: ExperimentConfig
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".part-environment.json").write_text("{")
    RunFolder.open(tmp_path / "run", config, ENVIRONMENT, resume=True)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.yaml",
        "environment.json",
    }


def test_another_job_is_no_continuation(
    run: Path, config: ExperimentConfig
) -> None:
    message = refusal(run, config, job="train teacher", resume=True)
    assert "Received: train teacher" in message
    assert "of distill" in message


def test_changed_keys_are_named(run: Path, config: ExperimentConfig) -> None:
    other = config.model_copy(
        update={
            "seed": 5,
            "data": config.data.model_copy(update={"batch_size": 8}),
        }
    )
    message = refusal(run, other, resume=True)
    assert "data.batch_size=8 instead of 16; seed=5 instead of 0" in message


@pytest.mark.parametrize("key", ["data", "student", "teacher"])
def test_overwriting_spares_what_the_run_reads(
    key: str, run: Path, config: ExperimentConfig
) -> None:
    field = "path" if key == "data" else "weights"
    inside = getattr(config, key).model_copy(
        update={field: str(run / "student.keras")}
    )
    other = config.model_copy(update={key: inside})
    message = refusal(run, other, overwrite=True)
    assert "must not delete what the run reads" in message


def test_damaged_record_is_one_message(run: Path) -> None:
    (run / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="metrics.json .*Expecting"):
        RunFolder(run).read_json("metrics.json")


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(beside: Path) -> None:
        beside.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("decision", ["resume", "overwrite"])
def test_model_of_the_users_is_no_model_of_the_run(
    decision: str, run: Path, config: ExperimentConfig
) -> None:
    (run / "best_of_all.keras").write_text("mine")
    assert "best_of_all.keras" in refusal(run, config, **{decision: True})
    assert (run / "best_of_all.keras").read_text() == "mine"
    (run / "best_of_all.keras").unlink()
    for name in ("model", "teacher_2", "adapted_teacher_1", "student_alone"):
        (run / f"{name}.keras").write_text("the run's")
    RunFolder.open(run, config, ENVIRONMENT, **{decision: True})
