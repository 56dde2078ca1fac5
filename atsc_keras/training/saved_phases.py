"""Phases whose result is a file: where that is, they are done."""

from collections.abc import Callable
from functools import partial

import keras

from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.records.roles import Part, teacher_parts
from atsc_keras.training.networks import build_teacher, load_teacher
from atsc_keras.training.phases import Phase, fit_network
from atsc_keras.training.run_folder import RunFolder, write_atomically


def save_model(folder: RunFolder, name: str, model: keras.Model) -> None:
    """Save a model of a run, whole or not at all."""
    write_atomically(folder.file(f"{name}.keras"), model.save)


def train_classifier(
    phase: Phase, file: str, build: Callable[[], ImageClassifier]
) -> None:
    """Train a classifier, unless an earlier try has finished it.

    Args:
        phase: of the run.
        file: stem of the result.
        build: makes the network.
    """
    folder = phase.folder
    if folder.file(f"{file}.keras").exists():
        return
    keras.utils.set_random_seed(phase.config.seed)
    model = build()
    fit_network(model, phase)
    save_model(folder, file, model.to_functional(file))


def train_teachers(
    folder: RunFolder,
    teachers: list[ImageClassifier],
    config: ExperimentConfig,
    dataset: Dataset,
) -> dict[Part, tuple[str, str]]:
    """Put every teacher's file into the run: a copy, or trained now.

    Args:
        folder: of the run.
        teachers: as built or loaded; those with weights are saved.
        config: of the run.
        dataset: of the run.

    Returns:
        Each teacher -> the stem of its file and its network.
    """
    files = {}
    parts = teacher_parts(len(teachers))
    for part, asked, teacher in zip(
        parts, config.teachers, teachers, strict=True
    ):
        name = part.stem
        files[part] = (name, asked.network)
        if asked.training is None or not asked.is_trained:
            save_model(folder, name, teacher.to_functional(name))
        else:
            train_classifier(
                Phase(name, asked.training, config, dataset, folder),
                name,
                partial(build_teacher, asked, dataset),
            )
    return files


def load_teachers(
    folder: RunFolder, config: ExperimentConfig, dataset: Dataset
) -> list[ImageClassifier]:
    """The run's teachers from its files, as before any adaptation."""
    return [
        load_teacher(folder.model_file(part), dataset, asked.network)
        for part, asked in zip(
            teacher_parts(len(config.teachers)), config.teachers, strict=True
        )
    ]
