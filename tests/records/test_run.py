"""A run folder is deleted by its own list only."""

import json
import shutil
from pathlib import Path

import pytest

from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.errors import InputError, WriteError
from atsc_keras.processes import write_atomically
from atsc_keras.records.models import Metrics, Origin
from atsc_keras.records.run import Run
from tests.records.conftest import refusal, reopen


def of_0_1(run: Path) -> None:
    """Make the folder one of release 0.1."""
    (run / "manifest.json").unlink()
    (run / "environment.json").write_text('{"job": "distill", "seed": 0}')


def test_new_folder_holds_config_and_origin(
    run: Path, config: ExperimentConfig, origin: Origin
) -> None:
    assert load_config(run / "config.yaml") == config
    assert Run(run).load(Origin) == origin
    assert Run(run).state == {"student": "done"}


def test_run_does_what_defaults_of_today_say_and_a_record_what_was_done(
    run: Path, config: ExperimentConfig, origin: Origin
) -> None:
    """Both say nothing of it; only what is read may be of another day."""
    assert config.distillation.reduction == "auto"
    assert "reduction" not in config.distillation.model_fields_set
    for said in (origin, Run(run).demand(Origin)):
        assert said.config is not None
        assert said.config.distillation.reduction == "auto"
    path = run / "environment.json"
    record = json.loads(path.read_text())
    del record["config"]["distillation"]["reduction"]
    path.write_text(json.dumps(record))
    earlier = Run(run).demand(Origin).config
    assert earlier is not None
    assert earlier.distillation.reduction == 2


def test_existing_run_needs_a_decision(run: Path, origin: Origin) -> None:
    assert "Add --resume" in refusal(run, origin)
    assert "Give one of them" in refusal(
        run, origin, resume=True, overwrite=True
    )
    with Run.open(run, origin, resume=True) as resumed:
        assert resumed.state == {"student": "done"}
        assert resumed.demand(Origin).commands == origin.commands * 2
    (run / "student.keras").unlink()  # to have it made again
    assert Run(run).state == {}
    with Run.open(run, origin, overwrite=True) as renewed:
        assert not renewed.state
        assert renewed.demand(Origin).commands == origin.commands
    assert {path.name for path in run.iterdir()} <= {
        *("environment.json", "config.yaml", "manifest.json"),
    }


FOREIGN = [
    *("thesis.txt", "best_of_all.keras", "export/thesis.txt", "figures/me.png"),
    *("checkpoints/mine.npz", "runs/notes.md", "runs/a_seed0/mine.keras"),
    # Names that a run of its own would have, where none has been.
    *("runs/best/student.keras", "rates/best_seed1/report.html"),
]


@pytest.mark.parametrize("version", ["0.1", "0.2"])
@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_the_users_are_never_deleted(
    name: str, version: str, run: Path, origin: Origin
) -> None:
    if version == "0.1":
        of_0_1(run)
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text("mine")
    for decision in ("resume", "overwrite"):
        assert f"holds {name}" in refusal(run, origin, **{decision: True})
    (run / name).unlink()
    reopen(run, origin, overwrite=True)


def artifact(path: str) -> str:
    return json.dumps(
        {
            **{"format": "tflite", "precision": "float32", "bytes": 1},
            **{"pixels": "float32", "runtime": "x", "accepted": True},
            "path": path,
        }
    )


def test_what_release_0_1_wrote_is_known_by_name(
    run: Path, origin: Origin
) -> None:
    of_0_1(run)
    for name in (
        *("model.keras", "teacher_2.keras", "adapted_teacher_1.keras"),
        *("figures/accuracy.svg", "report.html", "samples.npz"),
        *("export/student.tflite", "export/saved_model/saved_model.pb"),
        *("export/teacher/teacher_int8.tflite", "export/labels.json"),
        *("runs/kd_seed0/student.keras", "runs/kd_seed0/environment.json"),
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("the run's")
    (run / "export" / "export_report.json").write_text(
        '{"accepted": true, "keras_version": "3", "tolerance": 1e-4,'
        '"threads": 1, "images": {}, "calibration_images": 0, "seconds": 1,'
        '"models": [{"name": "s", "file": "s.keras", "parameters": 1,'
        '"multiply_adds": 1, "input_shape": [1], "classes": 2, "keras":'
        '{"bytes": 1, "accuracy": null, "latency": null}, "artifacts": ['
        f"{artifact('student.tflite')}, {artifact('saved_model')}]"
        '}, {"name": "teacher", "file": "t.keras", "parameters": 1,'
        '"multiply_adds": 1, "input_shape": [1], "classes": 2, "keras":'
        '{"bytes": 1, "accuracy": null, "latency": null}, "artifacts": ['
        f"{artifact('teacher_int8.tflite')}]}}]}}"
    )
    for name in ("export/student_tuned.onnx", "export/saved_model/notes.md"):
        (run / name).write_text("mine")
        assert f"holds {name}" in refusal(run, origin, overwrite=True)
        (run / name).unlink()
    assert Run(run).state["teacher_2"] == "done"
    reopen(run, origin, resume=True)
    assert (run / "teacher_2.keras").exists()
    reopen(run, origin, overwrite=True)
    assert not list(run.rglob("*.keras"))
    assert not (run / "export").exists()


def test_folder_without_origin_is_none_of_a_run(
    run: Path, origin: Origin
) -> None:
    (run / "environment.json").unlink()
    assert "hold environment.json" in refusal(run, origin, resume=True)
    (run / "manifest.json").unlink()
    for decision in ("resume", "overwrite"):
        message = refusal(run, origin, **{decision: True})
        assert "student.keras and no environment.json. N" in message


@pytest.mark.parametrize("name", ["manifest.json", "environment.json"])
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1]"])
def test_overwriting_needs_no_whole_record(
    name: str, content: bytes, run: Path, origin: Origin
) -> None:
    (run / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}.*again with --overwrite"):
        reopen(run, origin, resume=True)
    (run / "thesis.txt").write_text("mine")
    assert "holds thesis.txt" in refusal(run, origin, overwrite=True)
    (run / "thesis.txt").unlink()
    reopen(run, origin, overwrite=True)
    assert not (run / "student.keras").exists()


def test_what_a_killed_run_was_writing_is_removed(
    run: Path, origin: Origin
) -> None:
    parts = [
        run / ".part-config.yaml",
        run / ".part-student.keras",
        run / "checkpoints" / "teacher" / ".part-epoch-00001.npz",
        run / ".part-export" / "student.onnx",
    ]
    for part in parts:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("half")
    reopen(run, origin, resume=True)
    assert not list(run.rglob(".part-*"))
    assert (run / "student.keras").read_text() == "weights"
    (run / ".part-thesis.txt").write_text("mine")
    assert "holds .part-thesis.txt" in refusal(run, origin, resume=True)


@pytest.mark.parametrize(
    "names",
    [
        [".part-manifest.json"],
        ["manifest.json", ".part-environment.json"],
        [".part-environment.json"],  # of release 0.1
    ],
)
def test_run_killed_in_its_first_write_begins_again(
    names: list[str], tmp_path: Path, origin: Origin
) -> None:
    path = tmp_path / "run"
    path.mkdir()
    for name in names:
        listed = {"schema_version": 2, "files": ["environment.json"]}
        (path / name).write_text(json.dumps(listed))
    reopen(path, origin, resume=True)
    assert Run(path).load(Origin) == origin
    assert not list(path.glob(".part-*"))


def test_another_job_is_no_continuation(run: Path, origin: Origin) -> None:
    other = origin.model_copy(update={"job": "train teacher"})
    message = refusal(run, other, resume=True)
    assert "Received: train teacher" in message
    assert "of distill" in message


def test_changed_keys_are_named(run: Path, origin: Origin) -> None:
    config = origin.config
    assert config is not None
    data = config.data.model_copy(update={"batch_size": 8})
    other = config.model_copy(update={"seed": 5, "data": data})
    changed = origin.model_copy(update={"config": other})
    message = refusal(run, changed, resume=True)
    assert "data.batch_size=8 instead of 16; seed=5 instead of 0" in message


def moved(config: ExperimentConfig | None) -> ExperimentConfig:
    assert config is not None
    data = config.data.model_copy(update={"path": "elsewhere.npz"})
    return config.model_copy(update={"data": data})


def test_it_counts_what_was_learnt_from_and_not_where_it_lay(
    run: Path, origin: Origin
) -> None:
    elsewhere = origin.model_copy(update={"config": moved(origin.config)})
    reopen(run, elsewhere, resume=True)
    for changed, word in (
        ({"data_digest": "c" * 16}, "other data: digest cccc"),
        ({"weights_digests": {"student": "d"}}, "other weights: digest {"),
    ):
        message = refusal(run, origin.model_copy(update=changed), resume=True)
        assert word in message


def test_run_of_0_1_does_not_know_its_data(run: Path, origin: Origin) -> None:
    of_0_1(run)
    elsewhere = origin.model_copy(update={"config": moved(origin.config)})
    assert "data.path='elsewhere.npz'" in refusal(run, elsewhere, resume=True)
    reopen(run, origin, resume=True)


@pytest.mark.parametrize("key", ["data", "student", "teacher"])
def test_overwriting_spares_what_the_run_reads(
    key: str, run: Path, origin: Origin
) -> None:
    field = "path" if key == "data" else "weights"
    inside = getattr(origin.config, key).model_copy(
        update={field: str(run / "student.keras")}
    )
    assert origin.config is not None
    config = origin.config.model_copy(update={key: inside})
    other = origin.model_copy(update={"config": config})
    message = refusal(run, other, overwrite=True)
    assert "must not delete what the run reads" in message


def test_damaged_record_is_one_message(run: Path) -> None:
    (run / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="metrics.json .*Expecting"):
        Run(run).load(Metrics)


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


def test_folder_that_vanishes_is_one_message(
    tmp_path: Path, origin: Origin
) -> None:
    with pytest.raises(WriteError, match=r"run \(the folder is gone\)"):
        with Run.open(tmp_path / "run", origin) as run:
            shutil.rmtree(run.path)
            run.write_text("student.keras", "weights")
    assert not (tmp_path / "run").exists()


def test_nobody_writes_without_opening(run: Path) -> None:
    with pytest.raises(ValueError, match="not open for writing"):
        Run(run).write_text("a.txt", "a")
