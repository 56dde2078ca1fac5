"""The job `compare`: one teacher, one student, many methods and seeds."""

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import keras

from atsc_keras.comparing.candidates import (
    DEFAULT_METHODS,
    Candidate,
    candidates_of,
    check_choices,
)
from atsc_keras.comparing.rate_choice import (
    RateChoice,
    held_out_dataset,
)
from atsc_keras.comparing.summary import summarise
from atsc_keras.comparing.trial import Trial, build_trainer
from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.distillation.transfer_loss import load_transfer_loss
from atsc_keras.methods.registry import find_method
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.records.comparisons import Comparison, LearningRates
from atsc_keras.records.run import Run
from atsc_keras.reports.numbers import percent
from atsc_keras.training.devices import placed
from atsc_keras.training.environment import describe_origin
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.memory import fitting_in_memory
from atsc_keras.training.opening import open_experiment
from atsc_keras.training.recipe_checks import check_recipes
from atsc_keras.training.saved_phases import train_teachers
from atsc_keras.training.sizes import tell_sizes


def compare(
    config: ExperimentConfig,
    run_dir: str | Path,
    methods: Collection[str] = DEFAULT_METHODS,
    seeds: Sequence[int] = (0,),
    *,
    dataset: Dataset | None = None,
    variants: Mapping[str, ExperimentConfig] | None = None,
    learning_rates: Sequence[float] = (),
    resume: bool = False,
    overwrite: bool = False,
) -> Comparison:
    """Train the student of a config by several methods, for several seeds.

    All have one teacher, trained once with the config's own seed; methods of
    the same seed have the same initial student and the same batches. What the
    folder holds already is not trained again.

    Args:
        config: of the experiment; its `methods` say what is not as published.
        run_dir: folder to write to: `comparison.json`, `.csv` and `.md`,
            `report.html`, and a run folder for each method and seed.
        methods: names of `METHODS`, or `my_module:MyLoss` for a transfer
            loss of one's own.
        seeds: of students, order and augmentation.
        dataset: in place of what `config.data` would load; default: loaded.
        variants: of ATSC, as `load_variants` reads them; default: none.
        learning_rates: of the student: for each method and variant the best
            is chosen with the first seed on a tenth of the training images,
            which is then held out; default: the config's are used.
        resume: go on with the comparison that the folder holds; methods,
            variants and seeds may be added, and train with the learning
            rates that were chosen before.
        overwrite: delete the comparison that the folder holds.

    Returns:
        What `comparison.json` holds.

    Raises:
        InputError: if methods, seeds, config, data or folder cannot be used.
        DivergedError: if a teacher's loss is not finite, or that of every
            method; one that diverges beside others is reported as such.
    """
    candidates = candidates_of(config, methods, variants or {})
    check_choices(candidates, seeds, learning_rates)
    _check_losses(candidates)
    experiment = open_experiment(config, dataset)
    held_out = held_out_dataset(config, dataset) if learning_rates else None
    dataset = experiment.dataset
    for asked in (variants or {}).values():
        check_recipes(Experiment(asked, dataset))
    with ExitStack() as stack:
        stack.enter_context(fitting_in_memory(experiment))
        stack.enter_context(placed(config))
        teachers = experiment.teachers()
        _try_networks(candidates, teachers, experiment)
        origin = describe_origin("compare", experiment)
        run = stack.enter_context(
            Run.open(Path(run_dir), origin, resume=resume, overwrite=overwrite)
        )
        train_teachers(run, experiment, teachers)
        if held_out is not None:
            _choose_rates(
                run, candidates, sorted(learning_rates), seeds[0], held_out
            )
        candidates = _with_chosen_rates(run, candidates)
        trials = [
            Trial(run, candidate, seed)
            for seed, candidate in product(seeds, candidates)
        ]
        _run(trials, dataset)
        return summarise(run, experiment)


def _try_networks(
    candidates: Sequence[Candidate],
    teachers: list[ImageClassifier],
    experiment: Experiment,
) -> None:
    """Find what cannot be built before anything is trained; say the sizes."""
    students = []
    for candidate in candidates:
        trainer = build_trainer(candidate, teachers, experiment.dataset)
        student = getattr(trainer, "student", trainer)
        if isinstance(student, DistilledStudent):
            students.append(student)
    if students:
        tell_sizes(teachers, experiment.student(), students)


def _run(trials: Sequence[Trial], dataset: Dataset) -> None:
    epochs = sum(trial.recipe.epochs for trial in trials)
    progress = _Progress(epochs, len(dataset.test))
    for trial in trials:
        progress.begin(trial)
        trial.run(dataset, progress)
        progress.end(trial)


def _choose_rates(
    run: Run,
    candidates: Sequence[Candidate],
    rates: Sequence[float],
    seed: int,
    held_out: Dataset,
) -> None:
    """Write down the best of these rates for each, unless that is done."""
    record = run.load(LearningRates)
    known = record.choices if record else {}
    choices = [
        RateChoice(run, candidate, rates, seed)
        for candidate in candidates
        if candidate.name not in known
        or known[candidate.name].rates != tuple(rates)
    ]
    _run([t for choice in choices for t in choice.trials], held_out)
    new = {choice.candidate.name: choice.record() for choice in choices}
    run.write(LearningRates(choices={**known, **new}))


def _with_chosen_rates(
    run: Run, candidates: Sequence[Candidate]
) -> list[Candidate]:
    """Give candidates the rates chosen in this run, in whatever call.

    Those whose rates all diverged are left out: that is their result.
    """
    record = run.load(LearningRates)
    known = record.choices if record else {}
    found = []
    for candidate in candidates:
        if candidate.name not in known:
            found.append(candidate)
        elif (rate := known[candidate.name].chosen) is not None:
            found.append(candidate.with_rate(rate))
    return found


def _check_losses(candidates: Sequence[Candidate]) -> None:
    for method in (candidate.method for candidate in candidates):
        loss = find_method(method).loss
        if loss is not None:  # what does not import is found now
            load_transfer_loss(loss)


class _Progress(keras.callbacks.Callback):
    """One bar over the epochs of the whole comparison."""

    def __init__(self, epochs: int, test_images: int) -> None:
        super().__init__()
        self._images = test_images
        self._bar = keras.utils.Progbar(
            epochs, unit_name="epoch", verbose=int(sys.stdout.isatty())
        )
        self._done = 0
        self._before = 0

    def begin(self, trial: Trial) -> None:
        """Count what comes, or is there already."""
        self._done = self._before
        self._before += trial.recipe.epochs
        if trial.is_done:
            self._bar.update(self._before, finalize=False)

    def end(self, trial: Trial) -> None:
        """Say what came of it."""
        result = "diverged"
        share = trial.accuracy()
        if share is not None:
            result = percent(share, self._images)
        print(f"\n{trial.path.name}: {result}", flush=True)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._bar.update(self._done + epoch + 1, finalize=False)
