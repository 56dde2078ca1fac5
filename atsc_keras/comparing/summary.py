"""What the trials of a comparison have shown, put together."""

import statistics
from pathlib import Path
from typing import Any

import keras

from atsc_keras.comparing.candidates import candidate_name, folder_name
from atsc_keras.comparing.trial import DIVERGED
from atsc_keras.config import METHODS, ExperimentConfig, config_digest
from atsc_keras.data.dataset import Dataset
from atsc_keras.errors import DivergedError
from atsc_keras.records.roles import teacher_parts
from atsc_keras.records.run import ADAPTATION, LEARNING_RATES, RunFolder
from atsc_keras.reports.comparison import write_comparison
from atsc_keras.training.evaluation import evaluate_file


def summarise(
    folder: RunFolder, config: ExperimentConfig, dataset: Dataset
) -> dict[str, Any]:
    """Put the records of all finished trials together, and write them.

    Args:
        folder: of the comparison.
        config: of the comparison.
        dataset: whose test images the teachers are tested on.

    Returns:
        What `comparison.json` holds.

    Raises:
        DivergedError: if no trial came to its end.
    """
    methods: dict[str, dict[str, Any]] = {}
    diverged: dict[str, list[int]] = {}
    for name in _trained(folder):
        runs = [
            _read_trial(RunFolder(path))
            for path in sorted(
                folder.path.glob(f"runs/{folder_name(name)}_seed*"),
                key=_seed_of,
            )
            if (path / "metrics.json").exists()
        ]
        if lost := _diverged(folder, name):
            diverged[name] = lost
        if runs:
            methods[name] = {key: [run[key] for run in runs] for key in runs[0]}
    if not methods:
        raise DivergedError(
            "At least one method must come to an end. Received: "
            f"{', '.join(diverged)}, which all diverged. Start again with "
            "smaller learning rates."
        )
    teachers = {
        part.stem: evaluate_file(
            folder.model_file(part), asked.network, dataset, config.data
        )
        for part, asked in zip(
            teacher_parts(len(config.teachers)), config.teachers, strict=True
        )
    }
    summary = {
        "name": config.name,
        "config_digest": config_digest(config),
        "environment": folder.read_json("environment.json"),
        "student": config.student.network,
        "backend": keras.backend.backend(),
        "train_examples": len(dataset.train),
        "test_examples": len(dataset.test),
        "teachers": teachers,
        "methods": methods,
        "diverged": diverged,
        "learning_rates": folder.read_json(LEARNING_RATES) or {},
    }
    write_comparison(folder, summary)
    return summary


def _trained(folder: RunFolder) -> list[str]:
    """Names of the candidates with a run: methods first, then variants."""
    names = {
        candidate_name(path.name.rpartition("_seed")[0])
        for path in folder.path.glob("runs/*_seed*")
    }
    return [
        *(name for name in METHODS if name in names),
        *sorted(names.difference(METHODS)),
    ]


def _diverged(folder: RunFolder, name: str) -> list[int]:
    """Seeds with which a candidate came to no end."""
    found = folder.path.glob(f"runs/{folder_name(name)}_seed*/{DIVERGED}")
    return sorted(_seed_of(path.parent) for path in found)


def _seed_of(path: Path) -> int:
    return int(path.name.rpartition("_seed")[2])


def _read_trial(folder: RunFolder) -> dict[str, Any]:
    metrics = folder.read_json("metrics.json")
    (student,) = metrics["models"].values()
    history = folder.read_history()
    curve = [float(row["val_accuracy"]) for row in history]
    # The first epoch compiles.
    seconds = [float(row["seconds"]) for row in history][1:] or [
        float(history[0]["seconds"])
    ]
    return {
        "seed": metrics["seed"],
        **{
            key: student[key]
            for key in ("accuracy", "top5_accuracy", "loss", "parameters")
        },
        "multiply_adds": student["multiply_adds"],
        "best_accuracy": max(curve),
        "seconds_per_epoch": statistics.median(seconds),
        "curve": curve,
        "adaptation": _adaptation(folder, history),
    }


def _adaptation(
    folder: RunFolder, history: list[dict[str, str]]
) -> dict[str, Any] | None:
    """What a run notes of teachers that share their classifier."""
    moved = folder.read_json(ADAPTATION)
    if moved is None:
        return None
    curves = {
        name: [float(row[name]) for row in history]
        for name in ("val_feature_distance", "val_teacher_accuracy")
        if history[0].get(name)
    }
    return {**curves, "layers": moved}
