"""The records that a finished run leaves."""

from typing import Any

import keras

from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.records.roles import Part, Role
from atsc_keras.records.run import RunFolder
from atsc_keras.reports.report import write_report
from atsc_keras.training.environment import peak_memory
from atsc_keras.training.evaluation import evaluate_file
from atsc_keras.training.samples import write_samples


def write_records(
    folder: RunFolder,
    config: ExperimentConfig,
    dataset: Dataset,
    files: dict[Part, tuple[str, str]],
) -> dict[str, Any]:
    """Evaluate a run's models; write metrics, sample images and the report.

    Args:
        folder: of the run.
        config: of the run.
        dataset: whose test split counts.
        files: each network -> the stem of its file and its name.

    Returns:
        What `metrics.json` holds.
    """
    models = {
        part.stem: evaluate_file(
            folder.file(f"{stem}.keras"), network, dataset, config.data
        )
        for part, (stem, network) in files.items()
    }
    seconds: dict[str, float] = {}
    for row in folder.read_history():
        phase = row["phase"]
        seconds[phase] = seconds.get(phase, 0.0) + float(row["seconds"])
    metrics = {
        "name": config.name,
        "seed": config.seed,
        "backend": keras.backend.backend(),
        "models": models,
        "gap_closed": _gap_closed(models),
        "seconds": seconds,
        # None where a process that went on had nothing left to train.
        "startup_seconds": folder.read_json("environment.json").get("startup"),
        "peak_memory_bytes": peak_memory(),
        "class_names": list(dataset.class_names),
        "train_examples": len(dataset.train),
        "test_examples": len(dataset.test),
    }
    write_samples(folder.file("samples.npz"), dataset)
    folder.write_json("class_names.json", list(dataset.class_names))
    return _write(folder, metrics)


def renew_records(
    folder: RunFolder,
    config: ExperimentConfig,
    dataset: Dataset,
    metrics: dict[str, Any],
) -> dict[str, Any]:
    """Evaluate a finished run's models again; what it cost stays as it was.

    Args:
        folder: of the run.
        config: of the run.
        dataset: whose test split counts.
        metrics: what `metrics.json` holds.

    Returns:
        What it now holds.
    """
    models = {
        role: evaluate_file(
            folder.file(model["file"]), model["network"], dataset, config.data
        )
        for role, model in metrics["models"].items()
    }
    gap = _gap_closed(models)
    return _write(folder, {**metrics, "models": models, "gap_closed": gap})


def _write(folder: RunFolder, metrics: dict[str, Any]) -> dict[str, Any]:
    folder.write_json("metrics.json", metrics)
    write_report(folder.path)
    return metrics


def _gap_closed(models: dict[str, dict[str, Any]]) -> float | None:
    """Share of the way from the student alone to the (best) teacher."""
    if not {Role.STUDENT, Role.STUDENT_ALONE} <= models.keys():
        return None
    alone = models[Role.STUDENT_ALONE]["accuracy"]
    teacher = max(
        model["accuracy"]
        for stem, model in models.items()
        if Part.of(stem).role is Role.TEACHER
    )
    if teacher <= alone:
        return None
    return (models[Role.STUDENT]["accuracy"] - alone) / (teacher - alone)
