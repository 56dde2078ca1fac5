"""Phases whose result is a file: where that is, they are done."""

import keras

from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.processes import write_atomically
from atsc_keras.records.roles import Part, teacher_parts
from atsc_keras.records.run import RunFolder
from atsc_keras.training.networks import load_teacher
from atsc_keras.training.phases import Phase, fit_network


def save_model(folder: RunFolder, name: str, model: keras.Model) -> None:
    """Save a model of a run, whole or not at all."""
    write_atomically(folder.file(f"{name}.keras"), model.save)


def train_classifier(phase: Phase, network: ImageClassifier, stem: str) -> None:
    """Train a classifier, unless an earlier try has finished it.

    Args:
        phase: names what is trained, and how.
        network: trained in place.
        stem: of the file of the result.
    """
    folder = phase.folder
    if folder.file(f"{stem}.keras").exists():
        return
    keras.utils.set_random_seed(phase.config.seed)
    fit_network(network, phase)
    save_model(folder, stem, network.to_functional(stem))


def train_teachers(
    folder: RunFolder,
    teachers: list[ImageClassifier],
    config: ExperimentConfig,
    dataset: Dataset,
) -> dict[Part, tuple[str, str]]:
    """Put every teacher's file into the run: a copy, or trained now.

    Args:
        folder: of the run.
        teachers: as built or loaded; trained in place where the config says
            so, unless the folder has the result.
        config: says so.
        dataset: to train on.

    Returns:
        Each teacher -> the stem of its file and its network.
    """
    files = {}
    parts = teacher_parts(len(teachers))
    for part, asked, teacher in zip(
        parts, config.teachers, teachers, strict=True
    ):
        files[part] = (part.stem, asked.network)
        if asked.training is None or not asked.is_trained:
            save_model(folder, part.stem, teacher.to_functional(part.stem))
        else:
            phase = Phase(part.stem, asked.training, config, dataset, folder)
            train_classifier(phase, teacher, part.stem)
    return files


def holds_teachers(folder: RunFolder, config: ExperimentConfig) -> bool:
    """Whether an earlier try has left the file of a teacher."""
    parts = teacher_parts(len(config.teachers))
    return any(folder.model_file(part).exists() for part in parts)


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
