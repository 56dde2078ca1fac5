"""One trial of a comparison: a method and a seed."""

import shutil
from pathlib import Path
from typing import Any

import keras

from atsc_keras.config import STUDENT_ALONE
from atsc_keras.config import ExperimentConfig
from atsc_keras.config import RecipeConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.training.checkpoints import DivergedError
from atsc_keras.training.devices import placed
from atsc_keras.training.environment import describe_environment
from atsc_keras.training.networks import build_student
from atsc_keras.training.networks import teacher_names
from atsc_keras.training.phases import fit_distillation
from atsc_keras.training.phases import fit_network
from atsc_keras.training.records import write_records
from atsc_keras.training.run_folder import RunFolder
from atsc_keras.training.saved_phases import load_teachers
from atsc_keras.training.saved_phases import save_model
from atsc_keras.training.trainers import build_atsc
from atsc_keras.training.trainers import build_method

# These two have the teacher's classifier for a head.
WITH_ATSC = ("simkd", "atsc")
DIVERGED = "diverged.txt"


def recipe_of(method: str, config: ExperimentConfig) -> RecipeConfig | None:
    """How a method trains; None where the config does not say."""
    own = getattr(config.methods, method, None)
    if own is not None and own.training is not None:
        return own.training
    if method in WITH_ATSC:
        return config.distillation.training
    return config.student.training


def config_of(method: str, config: ExperimentConfig) -> ExperimentConfig:
    """The config as the method changes it: SimKD is ATSC, teachers frozen."""
    if method != "simkd":
        return config
    frozen = {"trainable": ()}
    settings = {
        "training": recipe_of(method, config),
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
    method: str,
    teachers: list[Any],
    config: ExperimentConfig,
    dataset: Dataset,
) -> Any:
    """What trains with a method: a classifier, or a trainer of one.

    Args:
        method: of `METHODS`.
        teachers: loaded; frozen or not as the method wants.
        config: as `config_of` gives it.
        dataset: of the run.

    Raises:
        InputError: if the networks do not fit together.
    """
    if method == STUDENT_ALONE:
        keras.utils.set_random_seed(config.seed)
        return build_student(config.student, dataset)
    if method in WITH_ATSC:
        return build_atsc(teachers, config, dataset)
    recipe = recipe_of(method, config)
    epochs = recipe.epochs if recipe else 0
    return build_method(method, teachers[0], config, dataset, epochs)


class Trial:
    """One method with one seed, in a run folder of its own.

    Args:
        comparison: folder of the comparison; holds the teachers.
        method: of `METHODS`.
        seed: of student, order and augmentation.
        config: of the comparison.
    """

    def __init__(
        self,
        comparison: RunFolder,
        method: str,
        seed: int,
        config: ExperimentConfig,
    ) -> None:
        self.method = method
        self.path = comparison.file(f"runs/{method}_seed{seed}")
        recipe = recipe_of(method, config)
        if recipe is None:
            raise ValueError(f"no recipe for {method}")
        self.recipe = recipe
        teachers = tuple(
            asked.model_copy(
                update={"weights": str(comparison.file(f"{name}.keras"))}
            )
            for name, asked in zip(
                teacher_names(config.teachers), config.teachers, strict=True
            )
        )
        self.comparison = comparison
        self.config = config_of(
            method,
            config.model_copy(update={"seed": seed, "teacher": teachers}),
        )

    def run(self, dataset: Dataset, watcher: keras.callbacks.Callback) -> None:
        """Train, save and evaluate the student, unless that is done."""
        if is_done(self.path):
            return
        folder = RunFolder.open(
            self.path,
            self.config,
            describe_environment(self.method, self.config.seed),
            resume=self.path.exists(),
        )
        try:
            with placed(self.config):
                self._train(dataset, folder, watcher)
        except DivergedError as error:
            # A result too: the other methods go on.
            folder.write_text(DIVERGED, f"{error}\n")
            return
        network = self.config.student.network
        files = {"student": ("student", network)}
        write_records(folder, self.config, dataset, files)
        # The trainer's state is many times the student's size.
        shutil.rmtree(folder.file("checkpoints"), ignore_errors=True)

    def _train(
        self,
        dataset: Dataset,
        folder: RunFolder,
        watcher: keras.callbacks.Callback,
    ) -> None:
        teachers = load_teachers(self.comparison, self.config, dataset)
        trainer = build_trainer(self.method, teachers, self.config, dataset)
        self._fit(trainer, dataset, folder, watcher)
        student = getattr(trainer, "student", trainer)
        save_model(folder, "student", student.to_functional("student"))

    def _fit(
        self,
        trainer: Any,
        dataset: Dataset,
        folder: RunFolder,
        watcher: keras.callbacks.Callback,
    ) -> None:
        method, recipe, config = self.method, self.recipe, self.config
        if method in WITH_ATSC:
            fit_distillation(trainer, config, dataset, folder, method, watcher)
            return
        fit_network(trainer, method, recipe, config, dataset, folder, watcher)


def is_done(path: Path) -> bool:
    """Whether an earlier try has finished a trial."""
    # The report is the last of the records.
    return any((path / name).exists() for name in ("report.html", DIVERGED))
