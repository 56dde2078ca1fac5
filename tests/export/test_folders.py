"""What a run's folder gives, and what an earlier export's may lose."""

import json
from pathlib import Path

import pytest

from atsc_keras.errors import InputError
from atsc_keras.records.models import Metrics, ModelRecord
from atsc_keras.records.reading import record_text
from export import ExportJob
from export.from_run import files_of_run
from tests.export.models import export_report


def test_student_alone_is_exported_where_none_is_distilled(
    tmp_path: Path,
) -> None:
    alone = tmp_path / "student_alone.keras"
    for path in (alone, tmp_path / "samples.npz"):
        path.touch()
    files = files_of_run(tmp_path)
    assert (files.model, files.compare) == (alone, ())
    (tmp_path / "student.keras").touch()
    files = files_of_run(tmp_path)
    assert files.model == tmp_path / "student.keras"
    assert files.compare == (alone,)


def metrics(classes: int) -> Metrics:
    student = ModelRecord(
        file="student.keras",
        network="resnet8",
        classes=classes,
        accuracy=1,
        top5_accuracy=1,
        loss=0.1,
        parameters=1,
        multiply_adds=1,
        bytes=1,
    )
    return Metrics(
        name="digits",
        seed=0,
        backend="jax",
        models={"student": student},
        class_names=("a", "b"),
        train_examples=1,
        test_examples=1,
    )


def test_run_gives_names_only_where_they_fit(tmp_path: Path) -> None:
    for name in ("student.keras", "samples.npz", "teacher_1.keras"):
        (tmp_path / name).touch()
    (tmp_path / "class_names.json").write_text('["a", "b"]')
    for classes, expected in ((2, tmp_path / "class_names.json"), (3, None)):
        (tmp_path / "metrics.json").write_text(record_text(metrics(classes)))
        files = files_of_run(tmp_path)
        assert files.class_names == expected
    for damaged in ("", "{}", '{"models": {}}', "[]"):
        (tmp_path / "metrics.json").write_text(damaged)
        assert files_of_run(tmp_path).class_names is None
    (tmp_path / "metrics.json").unlink()
    assert files_of_run(tmp_path).class_names is None
    assert files.compare == (tmp_path / "teacher_1.keras",)
    assert files.out == tmp_path / "export"
    (tmp_path / "samples.npz").unlink()
    with pytest.raises(InputError, match="Finish it"):
        files_of_run(tmp_path)


@pytest.mark.parametrize(
    "text", ["no json", "[]", '{"files": 3}', '{"files": [["a"]]}', "{}"]
)
def test_report_changed_by_hand_lets_nothing_be_deleted(
    text: str, tmp_path: Path
) -> None:
    from export.checks import REPORT, check_folder

    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "outside").touch()
    job = ExportJob(tmp_path / "m.keras", out, overwrite=True)
    (out / REPORT).write_text(text)
    assert check_folder(job) == [REPORT]
    named = ["../outside", str(tmp_path / "outside"), "gone", "mine"]
    (out / "mine").touch()
    (out / REPORT).write_text(json.dumps({"files": named}))
    assert check_folder(job) == [REPORT]  # no whole report: nothing is sure
    whole = export_report().model_copy(update={"files": tuple(named)})
    (out / REPORT).write_text(record_text(whole))
    assert check_folder(job) == [REPORT, "mine"]


def test_export_of_the_first_release_is_known_by_its_names(
    tmp_path: Path,
) -> None:
    from export.checks import REPORT, check_folder

    out = tmp_path / "out"
    job = ExportJob(tmp_path / "m.keras", out, overwrite=True)
    own = ["s.onnx", "teacher/t_int8.tflite", "saved_model/a/b", "labels.json"]
    for name in (*own, "notes.md", "cat/1.png"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    report = json.loads(record_text(export_report()))
    del report["schema_version"], report["files"]
    (out / REPORT).write_text(json.dumps(report))
    assert check_folder(job) == sorted([REPORT, *own])
