"""Trainings whose result is a file: what is done is not done again."""

import warnings

import keras

from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.distillation.shipping import shipped
from atsc_keras.distillation.teacher_watch import chance_words
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.processes import count_processes
from atsc_keras.records.roles import Part, teacher_parts
from atsc_keras.records.run import Run
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.networks import load_teacher
from atsc_keras.training.phases import Phase, fit_network

_IMAGES = 512  # enough for two digits
_BATCH = 128


def train_classifier(
    phase: Phase, network: ImageClassifier | DistilledStudent, stem: str
) -> None:
    """Train a network on labels, unless an earlier try has finished it.

    Args:
        phase: names what is trained, and how.
        network: trained in place.
        stem: of the file of the result.
    """
    if stem in phase.run.state:
        return
    keras.utils.set_random_seed(phase.experiment.config.seed)
    fit_network(network, phase)
    phase.run.save(stem, shipped(network, stem))


def train_teachers(
    run: Run, experiment: Experiment, teachers: list[ImageClassifier]
) -> dict[Part, tuple[str, str]]:
    """Put every teacher's file into the run: a copy, or trained now.

    Args:
        run: to save them in.
        experiment: says which are trained, and on what.
        teachers: as built or loaded; trained in place where the config says
            so, unless the run has the result.

    Returns:
        Each teacher -> the stem of its file and its network.
    """
    files = {}
    parts = teacher_parts(len(teachers))
    for part, asked, teacher in zip(
        parts, experiment.config.teachers, teachers, strict=True
    ):
        files[part] = (part.stem, asked.network)
        is_new = part.stem not in run.state
        if asked.training is not None and asked.is_trained:
            phase = Phase(part.stem, asked.training, experiment, run)
            train_classifier(phase, teacher, part.stem)
        elif part.stem not in run.state:
            run.save(part.stem, teacher.to_functional(part.stem))
        if is_new:
            warn_at_chance(part, teacher, experiment)
    return files


def warn_at_chance(
    part: Part, teacher: ImageClassifier, experiment: Experiment
) -> None:
    """Warn of a teacher that knows nothing, before anything learns from it.

    Args:
        part: what it is in the run.
        teacher: as it will teach.
        experiment: whose test images are asked, 512 at most.
    """
    if count_processes() > 1:
        return
    dataset = experiment.dataset
    images, labels = dataset.test.sample(_IMAGES)
    logits = teacher.predict(
        images.astype("float32"), batch_size=_BATCH, verbose=0
    )
    classes, name = len(dataset.class_names), part.label.lower()
    words = chance_words(logits.argmax(axis=-1), labels, classes, name)
    if words is not None:
        warnings.warn(words, stacklevel=2)


def holds_teachers(run: Run, experiment: Experiment) -> bool:
    """Tell whether an earlier try has left the file of a teacher."""
    parts = teacher_parts(len(experiment.config.teachers))
    return any(part.stem in run.state for part in parts)


def load_teachers(run: Run, experiment: Experiment) -> list[ImageClassifier]:
    """Load the run's teachers from its files, as before any adaptation."""
    asked = experiment.config.teachers
    return [
        load_teacher(run.model_file(part), experiment.dataset, teacher.network)
        for part, teacher in zip(teacher_parts(len(asked)), asked, strict=True)
    ]
