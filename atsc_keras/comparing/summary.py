"""What the trials of a comparison have shown, put together."""

import statistics
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import keras

from atsc_keras.comparing.candidates import candidate_name, folder_name
from atsc_keras.config import METHODS
from atsc_keras.errors import DivergedError
from atsc_keras.records.models import (
    Adaptation,
    Comparison,
    EpochRow,
    LearningRates,
    MethodRuns,
    Metrics,
    Origin,
    SeedAdaptation,
)
from atsc_keras.records.roles import teacher_parts
from atsc_keras.records.run import Run
from atsc_keras.reports.comparison import write_comparison
from atsc_keras.training.evaluation import evaluate_file
from atsc_keras.training.experiment import Experiment


def summarise(run: Run, experiment: Experiment) -> Comparison:
    """Put the records of all finished trials together, and write them.

    Args:
        run: of the comparison.
        experiment: whose test images the teachers are tested on.

    Raises:
        DivergedError: if no trial came to its end.
    """
    config, dataset = experiment.config, experiment.dataset
    methods: dict[str, MethodRuns] = {}
    diverged: dict[str, tuple[int, ...]] = {}
    for name in _trained(run):
        trials = sorted(
            run.path.glob(f"runs/{folder_name(name)}_seed*"), key=_seed_of
        )
        done = {path: Run(path).load(Metrics) for path in trials}
        lost = [path for path in trials if "diverged" in _states(path)]
        if lost:
            diverged[name] = tuple(map(_seed_of, lost))
        shown = [
            _read_trial(Run(path), metrics)
            for path, metrics in done.items()
            if metrics is not None
        ]
        if shown:
            columns = {
                key: tuple(row[key] for row in shown) for key in shown[0]
            }
            methods[name] = MethodRuns(**columns)
    if not methods:
        raise DivergedError(
            "At least one method must come to an end. Received: "
            f"{', '.join(diverged)}, which all diverged. Start again with "
            "smaller learning rates."
        )
    teachers = {
        part.stem: evaluate_file(
            run.model_file(part), asked.network, dataset, config.data
        )
        for part, asked in zip(
            teacher_parts(len(config.teachers)), config.teachers, strict=True
        )
    }
    rates = run.load(LearningRates)
    comparison = Comparison(
        name=config.name,
        origin=run.demand(Origin),
        student=config.student.network,
        backend=keras.backend.backend(),
        train_examples=len(dataset.train),
        test_examples=len(dataset.test),
        teachers=teachers,
        methods=methods,
        diverged=diverged,
        learning_rates=rates.choices if rates else {},
    )
    write_comparison(run, comparison)
    return comparison


def _states(path: Path) -> Collection[str]:
    return Run(path).state.values()


def _trained(run: Run) -> list[str]:
    """Names of the candidates with a run: methods first, then variants."""
    names = {
        candidate_name(path.name.rpartition("_seed")[0])
        for path in run.path.glob("runs/*_seed*")
    }
    return [
        *(name for name in METHODS if name in names),
        *sorted(names.difference(METHODS)),
    ]


def _seed_of(path: Path) -> int:
    return int(path.name.rpartition("_seed")[2])


def _read_trial(run: Run, metrics: Metrics) -> dict[str, Any]:
    """What one trial adds to each attribute of `MethodRuns`."""
    (student,) = metrics.models.values()
    history = run.history()
    curve = tuple(row.logs["val_accuracy"] for row in history)
    # The first epoch compiles.
    seconds = [row.seconds for row in history][1:] or [history[0].seconds]
    return {
        "seed": metrics.seed,
        "accuracy": student.accuracy,
        "top5_accuracy": student.top5_accuracy,
        "loss": student.loss,
        "parameters": student.parameters,
        "multiply_adds": student.multiply_adds,
        "best_accuracy": max(curve),
        "seconds_per_epoch": statistics.median(seconds),
        "curve": curve,
        "adaptation": _adaptation(run, history),
    }


def _adaptation(run: Run, history: Sequence[EpochRow]) -> SeedAdaptation | None:
    """What a run notes of teachers that share their classifier."""
    moved = run.load(Adaptation)
    if moved is None:
        return None
    curves = {
        name: tuple(row.logs[name] for row in history)
        for name in ("val_feature_distance", "val_teacher_accuracy")
        if name in history[0].logs
    }
    return SeedAdaptation(**curves, layers=moved.layers)
