"""A record that is missing or damaged is named, and no report is harmed."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from atsc_keras.errors import InputError, WriteError
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
