"""What a run's folder gives, and what an earlier export's may lose."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from atsc_keras.errors import InputError
from atsc_keras.records.models import Metrics, ModelRecord
from atsc_keras.records.reading import record_text
from export import ExportJob
from export.checks import REPORT, check_folder, check_job
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


@pytest.fixture
def job(tmp_path: Path) -> ExportJob:
    """A job whose folder holds an earlier export."""
    out = tmp_path / "out"
    own = ("s.onnx", "export_report.md", "t/t.tflite", "saved_model/v/w")
    for name in own:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    whole = export_report().model_copy(update={"files": (*own, REPORT)})
    (out / REPORT).write_text(record_text(whole))
    return ExportJob(tmp_path / "m.keras", out, overwrite=True)


def refused(job: ExportJob, message: str) -> None:
    """Nothing has changed."""
    before = {x: x.read_bytes() for x in job.out.rglob("*") if x.is_file()}
    with pytest.raises(InputError, match=message):
        check_folder(job)
    now = {x: x.read_bytes() for x in job.out.rglob("*") if x.is_file()}
    assert now == before


@pytest.mark.parametrize("text", ["no json", "[]", '{"files": 3}', "{}"])
def test_report_changed_by_hand_lets_nothing_be_deleted(
    text: str, job: ExportJob
) -> None:
    (job.out / REPORT).write_text(text)
    refused(job, "also holds export_report.md, s.onnx, saved_model/v/w, t/")


@pytest.mark.parametrize("name", ["../outside", "/outside", "t/../../x", ""])
def test_report_that_leads_out_of_the_folder_lets_nothing_be_deleted(
    name: str, job: ExportJob
) -> None:
    report = json.loads((job.out / REPORT).read_text())
    report["files"].append(name)
    (job.out / REPORT).write_text(json.dumps(report))
    refused(job, "also holds export_report.md")


FOREIGN = [
    *("notes.md", "s_tuned.onnx", "m.keras", "labels.json", ".hidden"),
    *("t/notes.md", "saved_model/v/mine", "photos/cat/1.png", "t.onnx/x"),
]


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("kind", ["file", "link", "folder link"])
def test_export_with_anything_else_in_its_folder_is_refused(
    name: str, kind: str, job: ExportJob
) -> None:
    (job.out / name).parent.mkdir(parents=True, exist_ok=True)
    (job.out.parent / "outside").mkdir()
    if kind == "file":
        (job.out / name).write_text("mine")
    else:
        goal = job.out.parent / ("outside" if "folder" in kind else "m.keras")
        (job.out / name).symlink_to(goal)
    refused(job, f"also holds {name}.* Move what is yours")
    # Through a link to the folder too.
    link = job.out.with_name("link")
    link.symlink_to(job.out)
    refused(replace(job, out=link), f"also holds {name}")
    (job.out / name).unlink()
    assert check_folder(replace(job, out=link)) == check_folder(job)


@pytest.mark.parametrize(
    "key", ["model", "compare", "data", "class_names", "runtime"]
)
def test_what_the_export_reads_is_never_deleted(
    key: str, job: ExportJob
) -> None:
    own, link = job.out / "s.onnx", job.out.with_name("link")
    link.symlink_to(own)
    for path in (own, link, job.out / "saved_model", job.out):
        value = (path,) if key == "compare" else path
        refused(replace(job, **{key: value}), "what the export reads.*Move it")


def test_page_and_export_lie_beside_each_other(
    job: ExportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.checks.check_model_file", lambda *_: None)
    for page in (job.out, job.out / "page", job.out.parent):
        with pytest.raises(InputError, match="beside each other"):
            check_job(replace(job, demo_page=page))


def test_folder_where_a_disk_is_mounted_is_refused_at_once(
    job: ExportJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda path: path == job.out)
    refused(job, "Name a folder in it")


def test_folders_without_a_file_are_no_reason_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "out" / "saved_model" / "assets").mkdir(parents=True)
    job = ExportJob(tmp_path / "m.keras", tmp_path / "out")
    assert check_folder(job) == []


def test_export_of_the_first_release_is_known_by_its_names(
    job: ExportJob,
) -> None:
    report = json.loads(record_text(export_report()))
    del report["schema_version"], report["files"]
    (first, other) = report["models"]
    other["artifacts"] = [{**first["artifacts"][0], "path": "saved_model"}]
    (job.out / REPORT).write_text(json.dumps(report))
    refused(job, "also holds saved_model/v/w, t/t.tflite. M")
    for name in ("saved_model/v/w", "t/t.tflite"):
        (job.out / name).unlink()
    own = ["export_report.md", "labels.json", "s.onnx"]
    own += ["t/saved_model/saved_model.pb"]
    own += ["t/saved_model/variables/variables.data-00000-of-00001"]
    for name in own:
        (job.out / name).parent.mkdir(parents=True, exist_ok=True)
        (job.out / name).touch()
    assert check_folder(job) == sorted([REPORT, *own])
    (job.out / "t/saved_model/notes.md").touch()
    refused(job, "also holds t/saved_model/notes.md. M")
