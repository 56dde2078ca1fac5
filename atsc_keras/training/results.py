"""The results of a finished run: what its networks are worth, and cost."""

import json
from collections.abc import Mapping

import keras

from atsc_keras.records.manifest import CLASS_NAMES
from atsc_keras.records.models import Metrics, ModelRecord, Origin
from atsc_keras.records.roles import Part, Role
from atsc_keras.records.run import Run
from atsc_keras.reports.report import write_report
from atsc_keras.reports.statistics import gap_closed
from atsc_keras.training.evaluation import evaluate_file
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.samples import SAMPLES, write_samples


def write_results(
    run: Run, experiment: Experiment, files: Mapping[Part, tuple[str, str]]
) -> Metrics:
    """Evaluate a run's models; write metrics, sample images and the report.

    Args:
        run: that made them.
        experiment: whose test split counts.
        files: each network -> the stem of its file and its name.
    """
    config, dataset = experiment.config, experiment.dataset
    models = {
        part.stem: evaluate_file(run.file(f"{stem}.keras"), network, experiment)
        for part, (stem, network) in files.items()
    }
    history = run.history()
    seconds: dict[str, float] = {}
    for row in history:
        seconds[row.phase] = seconds.get(row.phase, 0.0) + row.seconds
    peaks = [row.peak_memory_bytes for row in history if row.peak_memory_bytes]
    metrics = Metrics(
        name=config.name,
        seed=config.seed,
        backend=keras.backend.backend(),
        models=models,
        gap_closed=_gap(models),
        seconds=seconds,
        # None where a process that went on had nothing left to train.
        startup_seconds=run.demand(Origin).startup,
        peak_memory_bytes=max(peaks, default=None),
        class_names=tuple(dataset.class_names),
        train_examples=len(dataset.train),
        test_examples=len(dataset.test),
    )
    run.write_file(SAMPLES, lambda path: write_samples(path, dataset))
    names = json.dumps(dataset.class_names, indent=2)
    run.write_text(CLASS_NAMES, f"{names}\n")
    return _write(run, metrics)


def renew_results(
    run: Run, experiment: Experiment, metrics: Metrics
) -> Metrics:
    """Evaluate a finished run's models again; what it cost stays as it was.

    Args:
        run: that made them.
        experiment: whose test split counts.
        metrics: as they were.
    """
    models = {
        stem: evaluate_file(run.file(model.file), model.network, experiment)
        for stem, model in metrics.models.items()
    }
    renewed = {"models": models, "gap_closed": _gap(models)}
    return _write(run, metrics.model_copy(update=renewed))


def _write(run: Run, metrics: Metrics) -> Metrics:
    run.write(metrics)
    write_report(run)
    return metrics


def _gap(models: Mapping[str, ModelRecord]) -> float | None:
    """Find the gap that a run closes; None where it has not both students."""
    if not {Role.STUDENT, Role.STUDENT_ALONE} <= models.keys():
        return None
    teacher = max(
        model.accuracy
        for stem, model in models.items()
        if Part.of(stem).role is Role.TEACHER
    )
    student, alone = models[Role.STUDENT], models[Role.STUDENT_ALONE]
    return gap_closed(student.accuracy, alone.accuracy, teacher)
