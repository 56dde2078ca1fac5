"""What a config asks for, loaded and checked once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.distillation.atsc import ATSC
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.records.models import Origin
from atsc_keras.training.class_weights import check_class_weights
from atsc_keras.training.devices import check_devices
from atsc_keras.training.environment import describe_origin
from atsc_keras.training.given_data import open_dataset
from atsc_keras.training.networks import build_student, build_teacher
from atsc_keras.training.recipe_checks import check_recipes
from atsc_keras.training.trainers import build_atsc


@dataclass(frozen=True, eq=False)
class Experiment:
    """A config and its data; nothing is written before both are right.

    Networks are built when asked for, each as if it were the only one: its
    random numbers are those of the seed.

    Args:
        config: what is asked.
        dataset: what is learnt from and tested on.
    """

    config: ExperimentConfig
    dataset: Dataset

    @classmethod
    def open(
        cls, config: ExperimentConfig, dataset: Dataset | None = None
    ) -> "Experiment":
        """Load the data, and check all that needs no network.

        Args:
            config: what is asked.
            dataset: in place of what `config.data` would load; default:
                loaded.

        Raises:
            InputError: if the data cannot be loaded or do not fit the config,
                or a recipe cannot be carried out with them or the devices.
        """
        opened = cls(config, open_dataset(config, dataset))
        check_class_weights(config, opened.dataset)
        check_devices(config, opened.dataset)
        check_recipes(config, opened.dataset)
        return opened

    def teachers(self) -> list[ImageClassifier]:
        """Load the teachers; those without weights are yet to be trained.

        Raises:
            InputError: if one cannot be loaded, split or used on the data.
        """
        return [
            self._seeded(build_teacher, asked) for asked in self.config.teachers
        ]

    def student(self) -> ImageClassifier:
        """Make the student with a head of its own, as it starts.

        Raises:
            InputError: likewise.
        """
        return self._seeded(build_student, self.config.student)

    def _seeded(self, build: Callable, asked: Any) -> ImageClassifier:
        keras.utils.set_random_seed(self.config.seed)
        return build(asked, self.dataset)

    def origin(self, job: str) -> Origin:
        """Describe what a run of this experiment comes from.

        Args:
            job: what the run does.
        """
        return describe_origin(job, self.config, self.dataset)

    def atsc(self, teachers: list[ImageClassifier]) -> ATSC:
        """Build the trainer of the student with these teachers.

        Raises:
            InputError: if the networks do not fit together.
        """
        return build_atsc(teachers, self.config, self.dataset)
