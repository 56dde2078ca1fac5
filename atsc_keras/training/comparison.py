"""The job `compare`: one teacher, one student, many methods and seeds."""

import difflib
import statistics
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import keras

from atsc_keras.config import METHODS
from atsc_keras.config import STUDENT_ALONE
from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.loading import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.training.checkpoints import DivergedError
from atsc_keras.training.class_weights import check_class_weights
from atsc_keras.training.comparison_report import write_comparison
from atsc_keras.training.devices import check_devices
from atsc_keras.training.devices import placed
from atsc_keras.training.environment import describe_environment
from atsc_keras.training.evaluation import evaluate_file
from atsc_keras.training.formats import percent
from atsc_keras.training.networks import build_teacher
from atsc_keras.training.networks import teacher_names
from atsc_keras.training.recipe_checks import check_recipes
from atsc_keras.training.run_folder import RunFolder
from atsc_keras.training.saved_phases import train_teachers
from atsc_keras.training.trial import DIVERGED
from atsc_keras.training.trial import WITH_ATSC
from atsc_keras.training.trial import Trial
from atsc_keras.training.trial import build_trainer
from atsc_keras.training.trial import config_of
from atsc_keras.training.trial import is_done
from atsc_keras.training.trial import recipe_of


def compare(
    config: ExperimentConfig,
    run_dir: str | Path,
    methods: Sequence[str] = (STUDENT_ALONE, "kd", "simkd", "atsc"),
    seeds: Sequence[int] = (0,),
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train the student of a config by several methods, for several seeds.

    All have one teacher, trained once with the config's own seed; methods of
    the same seed have the same initial student and the same batches. What the
    folder holds already is not trained again.

    Args:
        config: of the experiment; its `methods` say what is not as published.
        run_dir: folder to write to: `comparison.json`, `.csv` and `.md`,
            `report.html`, and a run folder for each method and seed.
        methods: names of `METHODS`.
        seeds: of students, order and augmentation.
        resume: go on with the comparison that the folder holds; methods and
            seeds may be added.
        overwrite: delete the comparison that the folder holds.

    Returns:
        What `comparison.json` holds.

    Raises:
        InputError: if methods, seeds, config, data or folder cannot be used.
        DivergedError: if a teacher's loss is not finite, or that of every
            method; one that diverges beside others is reported as such.
    """
    methods = list(dict.fromkeys(methods))
    _check_methods(methods, config)
    _check_seeds(seeds)
    dataset = load_dataset(config.data)
    check_class_weights(config, dataset)
    check_devices(config, dataset)
    check_recipes(config, dataset)
    with placed(config):
        teachers = [build_teacher(asked, dataset) for asked in config.teachers]
        for method in methods:  # what cannot be built is found now
            build_trainer(method, teachers, config_of(method, config), dataset)
        for teacher in teachers:
            teacher.trainable = True  # as it will be saved
        folder = RunFolder.open(
            Path(run_dir),
            config,
            describe_environment("compare", config.seed),
            resume=resume,
            overwrite=overwrite,
        )
        train_teachers(folder, teachers, config, dataset)
    trials = [
        Trial(folder, method, seed, config)
        for seed, method in product(seeds, methods)
    ]
    progress = _Progress(sum(trial.recipe.epochs for trial in trials))
    for trial in trials:
        progress.begin(trial)
        trial.run(dataset, progress)
        progress.end(trial)
    return _summarise(folder, config, dataset)


def _check_methods(methods: Sequence[str], config: ExperimentConfig) -> None:
    for method in methods:
        if method not in METHODS:
            near = difflib.get_close_matches(method, METHODS, cutoff=0.0)
            raise InputError(
                "`--methods` must name methods that are known. Received: "
                f"{method!r}. Nearest: {', '.join(near)}. Known: "
                f"{', '.join(METHODS)}."
            )
    own_head = [m for m in methods if m not in WITH_ATSC]
    for method in own_head:
        if recipe_of(method, config) is None:
            raise InputError(
                f"`compare` must know how to train with {method}. Received: "
                "student.training=null. Give at least its epochs."
            )
    fixed = [m for m in own_head if m != STUDENT_ALONE]
    if fixed and len(config.teachers) > 1:
        raise InputError(
            "Methods of a fixed teacher have one teacher. Received: "
            f"{', '.join(fixed)} with {len(config.teachers)} teachers. "
            f"Compare {STUDENT_ALONE}, simkd and atsc, or name one teacher."
        )


def _check_seeds(seeds: Sequence[int]) -> None:
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise InputError(
            "`--seeds` must be different whole numbers from 0 on. Received: "
            f"{','.join(map(str, seeds)) or 'none'}. Use, for example, 0,1,2."
        )


class _Progress(keras.callbacks.Callback):
    """One bar over the epochs of the whole comparison."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._bar = keras.utils.Progbar(
            epochs, unit_name="epoch", verbose=int(sys.stdout.isatty())
        )
        self._done = 0
        self._before = 0

    def begin(self, trial: Trial) -> None:
        """Count what comes, or is there already."""
        self._done = self._before
        self._before += trial.recipe.epochs
        if is_done(trial.path):
            self._bar.update(self._before, finalize=False)

    def end(self, trial: Trial) -> None:
        """Say what came of it."""
        result = "diverged"
        metrics = RunFolder(trial.path).read_json("metrics.json")
        if metrics:
            share = metrics["models"]["student"]["accuracy"]
            result = percent(share, metrics["test_examples"])
        print(
            f"\n{trial.method}, seed {trial.config.seed}: {result}", flush=True
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._bar.update(self._done + epoch + 1, finalize=False)


def _summarise(
    folder: RunFolder, config: ExperimentConfig, dataset: Dataset
) -> dict[str, Any]:
    """Put the records of all finished trials together."""
    methods: dict[str, dict[str, Any]] = {}
    diverged: dict[str, list[int]] = {}
    for method in METHODS:
        runs = [
            _read_trial(RunFolder(path))
            for path in sorted(
                folder.path.glob(f"runs/{method}_seed*"), key=_seed_of
            )
            if (path / "metrics.json").exists()
        ]
        if lost := _diverged(folder, method):
            diverged[method] = lost
        if runs:
            methods[method] = {
                key: [run[key] for run in runs] for key in runs[0]
            }
    if not methods:
        raise DivergedError(
            "At least one method must come to an end. Received: "
            f"{', '.join(diverged)}, which all diverged. Start again with "
            "smaller learning rates."
        )
    teachers = {
        name: evaluate_file(
            folder.file(f"{name}.keras"), asked.network, dataset, config.data
        )
        for name, asked in zip(
            teacher_names(config.teachers), config.teachers, strict=True
        )
    }
    summary = {
        "name": config.name,
        "student": config.student.network,
        "backend": keras.backend.backend(),
        "train_examples": len(dataset.train),
        "test_examples": len(dataset.test),
        "teachers": teachers,
        "methods": methods,
        "diverged": diverged,
    }
    write_comparison(folder, summary)
    return summary


def _diverged(folder: RunFolder, method: str) -> list[int]:
    """Seeds with which a method came to no end."""
    found = folder.path.glob(f"runs/{method}_seed*/{DIVERGED}")
    return sorted(_seed_of(path.parent) for path in found)


def _seed_of(path: Path) -> int:
    return int(path.name.rpartition("_seed")[2])


def _read_trial(folder: RunFolder) -> dict[str, Any]:
    metrics = folder.read_json("metrics.json")
    student = metrics["models"]["student"]
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
    }
