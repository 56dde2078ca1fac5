"""What a config asks for, and the data that it is asked of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.training.networks import build_student, build_teacher


@dataclass(frozen=True, eq=False)
class Experiment:
    """A config and its data; `open_experiment` has checked that they fit.

    Networks are built when asked for, each as if it were the only one: its
    random numbers are those of the seed.

    Args:
        config: what is asked.
        dataset: what is learnt from and tested on.
    """

    config: ExperimentConfig
    dataset: Dataset

    def teachers(self) -> list[ImageClassifier]:
        """Load the teachers; those without weights are yet to be trained.

        Raises:
            InputError: if one cannot be loaded, split or used on the data.
        """
        return [
            self._seeded(build_teacher, asked) for asked in self.config.teachers
        ]

    def student(self) -> ImageClassifier:
        """Build the student with a head of its own, as it starts.

        Raises:
            InputError: likewise.
        """
        return self._seeded(build_student, self.config.student)

    def _seeded(self, build: Callable, asked: Any) -> ImageClassifier:
        keras.utils.set_random_seed(self.config.seed)
        return build(asked, self.dataset)
