"""One trial of a comparison: a method and a seed."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from atsc_keras.comparing.candidates import (
    Candidate,
    folder_name,
    trial_folder,
)
from atsc_keras.config import STUDENT_SAME_SIZE, ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.distillation.shipping import shipped
from atsc_keras.errors import DivergedError
from atsc_keras.records.continuing import check_same
from atsc_keras.records.models import Metrics, Origin
from atsc_keras.records.roles import Part, Role, teacher_parts
from atsc_keras.records.run import Run
from atsc_keras.training.checkpoints import CHECKPOINTS
from atsc_keras.training.devices import placed
from atsc_keras.training.environment import describe_origin
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.phases import Phase, fit_distillation, fit_network
from atsc_keras.training.results import write_results
from atsc_keras.training.saved_phases import load_teachers
from atsc_keras.training.trainers import (
    build_atsc,
    build_method,
    build_same_size,
)

_DIVERGED = "diverged.txt"  # says why


def config_of(candidate: Candidate) -> ExperimentConfig:
    """Change the config as the method asks: SimKD is ATSC, teachers frozen."""
    config = candidate.config
    if candidate.method != "simkd":
        return config
    frozen = {"trainable": ()}
    settings = {
        "training": candidate.recipe,
        "teacher_optimizer": None,
        "classifier_optimizer": None,
    }
    return config.model_copy(
        update={
            "teacher": tuple(
                t.model_copy(update=frozen) for t in config.teachers
            ),
            "distillation": config.distillation.model_copy(update=settings),
        }
    )


def build_trainer(
    candidate: Candidate, teachers: list[Any], dataset: Dataset
) -> Any:
    """Build what trains with a method: a classifier, or a trainer of one.

    Args:
        candidate: of the comparison.
        teachers: loaded; frozen or not as the method wants.
        dataset: whose images and classes the student is built for.

    Raises:
        InputError: if the networks do not fit together.
    """
    experiment = Experiment(config_of(candidate), dataset)
    if candidate.method == STUDENT_SAME_SIZE:
        return build_same_size(teachers, experiment)
    if not candidate.is_taught:
        return experiment.student()
    if candidate.has_shared_head:
        return build_atsc(teachers, experiment)
    epochs = candidate.recipe.epochs if candidate.recipe else 0
    return build_method(candidate.method, teachers[0], experiment, epochs)


class Trial:
    """One candidate with one seed, in a run folder of its own.

    Args:
        comparison: the run that holds the teachers.
        candidate: what is trained.
        seed: of student, order and augmentation.
        path: of the run folder; default: that of a result.

    Attributes:
        part: what its student is.
    """

    def __init__(
        self,
        comparison: Run,
        candidate: Candidate,
        seed: int,
        path: Path | None = None,
    ) -> None:
        self.path = path or trial_folder(comparison.path, candidate.name, seed)
        config = candidate.config
        parts = teacher_parts(len(config.teachers))
        teachers = tuple(
            asked.model_copy(
                update={"weights": str(comparison.model_file(part))}
            )
            for part, asked in zip(parts, config.teachers, strict=True)
        )
        update = {"seed": seed, "teacher": teachers}
        self.comparison = comparison
        self.candidate = replace(
            candidate, config=config.model_copy(update=update)
        )
        if self.candidate.recipe is None:
            raise ValueError(f"no recipe for {candidate.method}")
        self.recipe = self.candidate.recipe
        self.config = config_of(self.candidate)
        taught = self.candidate.is_taught
        self.part = Part(Role.STUDENT if taught else Role(candidate.method))

    @property
    def is_done(self) -> bool:
        """Whether an earlier try has finished it, in whatever way."""
        return self.part.stem in Run(self.path).state

    def run(self, dataset: Dataset, watcher: keras.callbacks.Callback) -> None:
        """Train, save and evaluate the student, unless that is done.

        Raises:
            InputError: if it was done in another way.
        """
        experiment = Experiment(self.config, dataset)
        self.comparison.list_inner(self.path)
        origin = describe_origin(self.candidate.method, experiment)
        if self.is_done:
            earlier = Run(self.path).demand(Origin)
            check_same(self.path, origin, earlier)
            return
        with ExitStack() as stack:
            run = stack.enter_context(
                Run.open(self.path, origin, resume=self.path.exists())
            )
            stack.enter_context(placed(self.config))
            try:
                self._train(run, experiment, watcher)
            except DivergedError as error:
                # A result too: the other methods go on.
                run.write_text(_DIVERGED, f"{error}\n")
                run.note(self.part.stem, "diverged")
                return
            network = self.config.student.network
            files = {self.part: (self.part.stem, network)}
            write_results(run, experiment, files)
            run.note(self.part.stem, "done")
            # The trainer's state is many times the student's size.
            run.remove_folder(CHECKPOINTS)

    def accuracy(self) -> float | None:
        """Read the accuracy on its run's test images; None if it diverged."""
        metrics = Run(self.path).load(Metrics)
        if metrics is None:
            return None
        (student,) = metrics.models.values()
        return student.accuracy

    def _train(
        self,
        run: Run,
        experiment: Experiment,
        watcher: keras.callbacks.Callback,
    ) -> None:
        teachers = load_teachers(self.comparison, experiment)
        trainer = build_trainer(self.candidate, teachers, experiment.dataset)
        name = folder_name(self.candidate.method)
        phase = Phase(name, self.recipe, experiment, run, watcher)
        self._fit(trainer, phase)
        stem = self.part.stem
        model = shipped(getattr(trainer, "student", trainer), stem)
        run.write_file(f"{stem}.keras", model.save)

    def _fit(self, trainer: Any, phase: Phase) -> None:
        if self.candidate.has_shared_head:
            fit_distillation(trainer, phase)
        else:
            fit_network(trainer, phase)
