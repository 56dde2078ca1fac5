"""What the trials of a comparison have shown, put together."""

import statistics
from collections.abc import Collection, Sequence
from typing import Any

import keras

from atsc_keras.comparing.candidates import trial_of
from atsc_keras.config import METHODS
from atsc_keras.errors import DivergedError, InputError, first_line
from atsc_keras.records.comparisons import (
    Comparison,
    LearningRates,
    MethodRuns,
    SeedAdaptation,
)
from atsc_keras.records.models import Adaptation, EpochRow, Metrics, Origin
from atsc_keras.records.reading import damaged_record
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
    for name, trials in _trials(run).items():
        lost = [s for s, trial in trials.items() if "diverged" in _ends(trial)]
        if lost:
            diverged[name] = tuple(lost)
        done = [trial for trial in trials.values() if "done" in _ends(trial)]
        shown = [_read_trial(trial) for trial in done]
        if shown:
            columns = {
                key: tuple(row[key] for row in shown) for key in shown[0]
            }
            methods[name] = MethodRuns(**columns)
    rates = run.load(LearningRates)
    for name, choice in (rates.choices if rates else {}).items():
        if choice.chosen is None:
            diverged.setdefault(name, (choice.seed or 0,))
    if not methods:
        raise DivergedError(
            "At least one method must come to an end. Received: "
            f"{', '.join(diverged)}, which all diverged. Start again with "
            "smaller learning rates."
        )
    teachers = {
        part.stem: evaluate_file(
            run.model_file(part), asked.network, experiment
        )
        for part, asked in zip(
            teacher_parts(len(config.teachers)), config.teachers, strict=True
        )
    }
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


def _trials(run: Run) -> dict[str, dict[int, Run]]:
    """Find the runs of each candidate by seed; methods first, then variants."""
    found: dict[str, dict[int, Run]] = {}
    for path in run.path.glob("runs/*_seed*"):
        name, seed = trial_of(path)
        if seed is not None:
            found.setdefault(name, {})[seed] = Run(path)
    known = [name for name in METHODS if name in found]
    others = sorted(found.keys() - set(METHODS))
    return {
        name: dict(sorted(found[name].items())) for name in [*known, *others]
    }


def _ends(trial: Run) -> Collection[str]:
    """Tell how its training ended; nothing while it has not."""
    return trial.state.values()


def _read_trial(run: Run) -> dict[str, Any]:
    """Read what one trial adds to each attribute of `MethodRuns`.

    Raises:
        InputError: if its records are damaged, or those of another job.
    """
    try:
        return _shown(run)
    except InputError:
        raise
    except Exception as error:  # whole, and not of one student and its epochs
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise damaged_record(run.path, reason) from error


def _shown(run: Run) -> dict[str, Any]:
    metrics = run.demand(Metrics)
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
    """Read what a run notes of teachers that share their classifier."""
    moved = run.load(Adaptation)
    if moved is None:
        return None
    curves = {
        name: tuple(row.logs[name] for row in history)
        for name in ("val_feature_distance", "val_teacher_accuracy")
        if name in history[0].logs
    }
    return SeedAdaptation(**curves, layers=moved.layers)
