"""From the records of a run to its figures and its `report.html`."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from atsc_keras.errors import InputError, WriteError
from atsc_keras.processes import write_atomically
from atsc_keras.records.roles import is_part
from atsc_keras.records.run import ADAPTATION, damaged_record
from atsc_keras.reports.report_page import Run, compose_page
from atsc_keras.reports.run_figures import History, draw_figures

_EXPORT_REPORT = "export/export_report.json"


def write_report(run_dir: Path) -> Path:
    """Write `report.html` and `figures/` of a run from its records.

    Nothing is computed again and no framework is loaded. The same records
    give the same bytes.

    Args:
        run_dir: folder with `config.yaml`, `environment.json`, `history.csv`
            and `metrics.json`; `export/export_report.json` is shown where it
            exists.

    Returns:
        Path of `report.html`.

    Raises:
        InputError: if a record is missing or cannot be read, or the folder
            cannot be written.
        WriteError: if there is no room.
    """
    run_dir = Path(run_dir)
    metrics = read_metrics(run_dir)
    config = _read(run_dir, "config.yaml")
    history = _read_history(run_dir)
    run = Run(
        metrics=metrics,
        config=config,
        data=_data_source(run_dir, config),
        environment=_read_mapping(run_dir, "environment.json"),
        export_report=(
            _read_mapping(run_dir, _EXPORT_REPORT)
            if (run_dir / _EXPORT_REPORT).exists()
            else None
        ),
        drawings=draw_figures(metrics, history, _read_movements(run_dir)),
    )
    try:
        for drawing in run.drawings:
            path = run_dir / "figures" / f"{drawing.name}.svg"
            _write(path, drawing.file_text())
        return _write(run_dir / "report.html", compose_page(run))
    except WriteError as error:
        if error.is_for_room:
            raise
        raise InputError(
            "The run folder must be writable. Received: "
            f"{run_dir} ({error.reason}). Change its permissions, or copy it "
            "elsewhere."
        ) from error


def _write(path: Path, text: str) -> Path:
    write_atomically(
        path, lambda beside: beside.write_text(text, "utf-8", newline="\n")
    )
    return path


def _read(run_dir: Path, name: str) -> str:
    try:
        return (run_dir / name).read_text("utf-8")
    except FileNotFoundError as error:
        raise InputError(
            f"A run folder must hold {name}. Received: {run_dir}, which does "
            "not. Name the folder of a finished run, or finish the run with "
            "--resume."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise damaged_record(run_dir / name, str(error)) from error


def _read_mapping(run_dir: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads(_read(run_dir, name))
    except json.JSONDecodeError as error:
        raise damaged_record(run_dir / name, str(error)) from error
    if not isinstance(value, dict):
        raise damaged_record(run_dir / name, "not a mapping")
    return value


def read_metrics(run_dir: Path) -> dict[str, Any]:
    """Read `metrics.json`.

    Args:
        run_dir: folder of a finished run.

    Raises:
        InputError: if it is missing, or not as a run writes it.
    """
    metrics = _read_mapping(run_dir, "metrics.json")
    models = metrics.get("models")
    if not isinstance(models, dict) or not models:
        raise damaged_record(run_dir / "metrics.json", "no `models`")
    for role, model in models.items():
        if not is_part(role):
            raise damaged_record(
                run_dir / "metrics.json", f"models.{role} is no role"
            )
        accuracy = model.get("accuracy") if isinstance(model, dict) else None
        if not isinstance(accuracy, float | int) or not 0 <= accuracy <= 1:
            raise damaged_record(
                run_dir / "metrics.json",
                f"models.{role}.accuracy must be from 0 to 1",
            )
    return metrics


def _read_history(run_dir: Path) -> History:
    """Columns of each phase, NaN where the file has no finite number."""
    rows = csv.DictReader(_read(run_dir, "history.csv").splitlines())
    if not {"phase", "epoch"} <= set(rows.fieldnames or ()):
        raise damaged_record(
            run_dir / "history.csv", "no columns `phase` and `epoch`"
        )
    names = [name for name in rows.fieldnames or () if name != "phase"]
    phases: dict[str, list[list[float]]] = {}
    for row in rows:
        try:
            values = [float(row[name] or math.nan) for name in names]
        except ValueError as error:
            raise damaged_record(
                run_dir / "history.csv", f"line {rows.line_num}: {error}"
            ) from error
        phases.setdefault(row["phase"], []).append(values)
    history = {}
    for phase, lines in phases.items():
        table = np.array(lines)
        table[~np.isfinite(table)] = np.nan
        history[phase] = dict(zip(names, table.T, strict=True))
    return history


def _read_movements(run_dir: Path) -> list[dict[str, Any]]:
    """How far the teachers' layers moved; none where no teacher adapts."""
    if not (run_dir / ADAPTATION).exists():
        return []
    value = json.loads(_read(run_dir, ADAPTATION))
    if not isinstance(value, list):
        raise damaged_record(run_dir / ADAPTATION, "not a list")
    return value


def _data_source(run_dir: Path, config: str) -> str:
    """What the config names as data; empty where it names none."""
    try:
        data = yaml.safe_load(config)["data"]
        return str(data.get("name") or data["source"])
    except (KeyError, TypeError, AttributeError):
        return ""
    except yaml.YAMLError as error:
        raise damaged_record(run_dir / "config.yaml", "not YAML") from error
