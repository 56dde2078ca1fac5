"""A record that is missing or damaged is named, and no report is harmed."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from atsc_keras.errors import InputError, WriteError
from atsc_keras.records.benchmarks import Benchmark
from atsc_keras.records.comparisons import Comparison, LearningRates
from atsc_keras.records.exports import ExportReport
from atsc_keras.records.manifest import Manifest
from atsc_keras.records.models import Adaptation, Metrics, Origin, Record
from atsc_keras.records.reading import read_history, read_record
from atsc_keras.reports.report import renew_report
from tests.reports.fake_run import metrics_of

REQUIRED = ("config.yaml", "environment.json", "metrics.json")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"models": {"student": 0.93}}, "models.student: Input should be"),
        ({"models": {"best": {}}}, "models.best.*best is no role"),
        ({"models": {}}, "models: Dictionary should have at least 1 item"),
        ({"schema_version": 3}, "of schema 3.*Install a later atsc-keras"),
        ({"schema_version": 2, "remark": "mine"}, "remark: Extra inputs"),
    ],
)
def test_metrics_of_another_shape_are_named(
    run_dir: Path, change: dict[str, Any], reason: str
) -> None:
    text = json.dumps({**metrics_of(), **change})
    (run_dir / "metrics.json").write_text(text)
    with pytest.raises(InputError, match=f"metrics.json.*{reason}"):
        renew_report(run_dir)
    assert (run_dir / "metrics.json").read_text() == text


@pytest.mark.parametrize("name", REQUIRED)
def test_missing_record_is_named(run_dir: Path, name: str) -> None:
    (run_dir / name).unlink()

    with pytest.raises(InputError, match=f"must hold {name}.*Received: "):
        renew_report(run_dir)
    assert not (run_dir / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("metrics.json", "{", "line 1"),
        ("metrics.json", "[]", "the whole: .* object"),
        ("metrics.json", "{}", r"name: Field required; \d more"),
        ("metrics.json", "\0", "line 1"),
        ("history.csv", "a,b\nc,d\n", "line 2: phase: Field required"),
        ("history.csv", "phase,epoch\nteacher,x\n", "line 2: epoch: Input"),
        ("adaptation.json", "{}", "layers"),
        ("export/export_report.json", "[1]", "the whole"),
    ],
)
def test_damaged_record_is_named(
    run_dir: Path, name: str, text: str, reason: str
) -> None:
    (run_dir / name).write_text(text)

    with pytest.raises(InputError, match=f"{name}.*{reason}"):
        renew_report(run_dir)


DEEP = "[" * 200_000
WRONG = (
    *(b"", b"\0\xff\xfe" * 99, b"\x93NUMPY", DEEP.encode(), b"9" * 9999),
    *(b'"text"', b"null", b"[[1], {}]", b'{"schema_version": "new"}'),
    *(b'{"models": 3}', b'{"networks": [1], "files": {"a": 1}}', b"NaN"),
    *(b'{"choices": {"kd": 1}}', b'{"methods": 1}', b'{"environment": [1]}'),
    *(b'"\\ud800"', b"a,b\n1,2,3,4\n", b'phase,epoch\n"', b"{}{}"),
)
KINDS = (
    *(Adaptation, Benchmark, Comparison, ExportReport, LearningRates),
    *(Manifest, Metrics, Origin),
)


@pytest.mark.parametrize("kind", KINDS)
def test_no_content_of_a_record_is_more_than_a_message(
    kind: type[Record], tmp_path: Path
) -> None:
    path = tmp_path / kind.file_name
    for content in WRONG:
        path.write_bytes(content)
        with pytest.raises(InputError, match=re.escape(str(path))) as error:
            read_record(tmp_path, kind)
        assert len(str(error.value)) < 1000
        assert path.read_bytes() == content


def test_no_content_of_a_history_is_more_than_a_message(
    tmp_path: Path,
) -> None:
    path = tmp_path / "history.csv"
    refused = 0
    for content in WRONG:
        path.write_bytes(content)
        try:
            assert read_history(tmp_path) == []  # a heading, and no rows
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 3


@pytest.mark.parametrize("kind", ["pipe", "folder", "large"])
def test_record_that_is_no_file_of_ours_is_not_read(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.json"
    if kind == "pipe":
        os.mkfifo(path)  # reading would wait for a writer
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    with pytest.raises(InputError, match="metrics.json"):
        read_record(tmp_path, Metrics)


def test_failed_write_leaves_the_old_report_and_nothing_half_written(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = renew_report(run_dir).read_bytes()
    files = sorted(run_dir.rglob("*"))
    (run_dir / "config.yaml").write_text("name: changed\n")

    def full_disk(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(WriteError, match="No space left on device"):
        renew_report(run_dir)
    assert (run_dir / "report.html").read_bytes() == before
    assert sorted(run_dir.rglob("*")) == files
