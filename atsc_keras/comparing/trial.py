"""One trial of a comparison: a method and a seed."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from atsc_keras.comparing.candidates import Candidate, folder_name
from atsc_keras.config import (
    STUDENT_ALONE,
    ExperimentConfig,
    config_digest,
    load_config,
)
from atsc_keras.data.dataset import Dataset
from atsc_keras.errors import DivergedError
from atsc_keras.records.roles import Part, Role, teacher_parts
from atsc_keras.records.run import RunFolder
from atsc_keras.training.devices import placed
from atsc_keras.training.environment import describe_environment
from atsc_keras.training.networks import build_student
from atsc_keras.training.phases import Phase, fit_distillation, fit_network
from atsc_keras.training.records import write_records
from atsc_keras.training.saved_phases import load_teachers, save_model
from atsc_keras.training.trainers import build_atsc, build_method

DIVERGED = "diverged.txt"


def config_of(candidate: Candidate) -> ExperimentConfig:
    """The config as the method changes it: SimKD is ATSC, teachers frozen."""
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
    """What trains with a method: a classifier, or a trainer of one.

    Args:
        candidate: of the comparison.
        teachers: loaded; frozen or not as the method wants.
        dataset: of the run.

    Raises:
        InputError: if the networks do not fit together.
    """
    method, config = candidate.method, candidate.config
    if method == STUDENT_ALONE:
        keras.utils.set_random_seed(config.seed)
        return build_student(config.student, dataset)
    if candidate.has_shared_head:
        return build_atsc(teachers, config_of(candidate), dataset)
    epochs = candidate.recipe.epochs if candidate.recipe else 0
    return build_method(method, teachers[0], config, dataset, epochs)


class Trial:
    """One candidate with one seed, in a run folder of its own.

    Args:
        comparison: folder of the comparison; holds the teachers.
        candidate: what is trained.
        seed: of student, order and augmentation.
        path: of the run folder; default: that of a result.
    """

    def __init__(
        self,
        comparison: RunFolder,
        candidate: Candidate,
        seed: int,
        path: Path | None = None,
    ) -> None:
        result = comparison.file(f"runs/{candidate.folder_name}_seed{seed}")
        self.path = path or result
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

    def run(self, dataset: Dataset, watcher: keras.callbacks.Callback) -> None:
        """Train, save and evaluate the student, unless that is done.

        Raises:
            InputError: if it was done in another way.
        """
        if is_done(self.path):
            done = load_config(self.path / "config.yaml")
            if config_digest(done) != config_digest(self.config):
                RunFolder(self.path).check_same_config(self.config)
            return
        folder = RunFolder.open(
            self.path,
            self.config,
            describe_environment(self.candidate.method, self.config.seed),
            resume=self.path.exists(),
        )
        try:
            with placed(self.config):
                self._train(dataset, folder, watcher)
        except DivergedError as error:
            # A result too: the other methods go on.
            folder.write_text(DIVERGED, f"{error}\n")
            return
        part = self._part()
        files = {part: (part.stem, self.config.student.network)}
        write_records(folder, self.config, dataset, files)
        # The trainer's state is many times the student's size.
        shutil.rmtree(folder.file("checkpoints"), ignore_errors=True)

    def accuracy(self) -> float | None:
        """On the test images of its run; None where it diverged."""
        metrics = RunFolder(self.path).read_json("metrics.json")
        if metrics is None:
            return None
        (student,) = metrics["models"].values()
        return student["accuracy"]

    def _train(
        self,
        dataset: Dataset,
        folder: RunFolder,
        watcher: keras.callbacks.Callback,
    ) -> None:
        teachers = load_teachers(self.comparison, self.config, dataset)
        trainer = build_trainer(self.candidate, teachers, dataset)
        self._fit(trainer, dataset, folder, watcher)
        part = self._part()
        student = getattr(trainer, "student", trainer)
        folded = {"folded": True} if self.candidate.has_shared_head else {}
        save_model(
            folder, part.stem, student.to_functional(part.stem, **folded)
        )

    def _part(self) -> Part:
        alone = self.candidate.method == STUDENT_ALONE
        return Part(Role.STUDENT_ALONE if alone else Role.STUDENT)

    def _fit(
        self,
        trainer: Any,
        dataset: Dataset,
        folder: RunFolder,
        watcher: keras.callbacks.Callback,
    ) -> None:
        name = folder_name(self.candidate.method)
        phase = Phase(name, self.recipe, self.config, dataset, folder, watcher)
        if self.candidate.has_shared_head:
            fit_distillation(trainer, phase)
        else:
            fit_network(trainer, phase)


def is_done(path: Path) -> bool:
    """Whether an earlier try has finished a trial."""
    # The report is the last of the records.
    return any((path / name).exists() for name in ("report.html", DIVERGED))
