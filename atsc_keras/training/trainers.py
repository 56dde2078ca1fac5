"""What trains a student, as a config words it."""

import keras

from atsc_keras.config import ExperimentConfig
from atsc_keras.data.crop_and_flip import device_augmentation
from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.distillation.transfer_loss import (
    TrainingSet,
    load_transfer_loss,
)
from atsc_keras.errors import InputError
from atsc_keras.methods.registry import find_method
from atsc_keras.models.building_blocks import BATCH_NORM_MOMENTUM
from atsc_keras.models.freezing import adapt_only, flags_kept
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.training.experiment import Experiment


def build_atsc(teachers: list[ImageClassifier], experiment: Experiment) -> ATSC:
    """Build ATSC; its student starts as the student alone does.

    Args:
        teachers: loaded, or yet to be trained: then `reset_starting_point`
            when they are.
        experiment: its student, settings, seed and images count.

    Raises:
        InputError: if the networks do not fit together or the labels, or a
            pattern of `trainable` names nothing.
    """
    config = experiment.config
    with flags_kept(teachers):
        adapt_as_asked(teachers, config)
    if config.data.soft_labels:
        _check_rows(teachers, experiment)
    # The same draw as the student alone: both start from one network.
    student = experiment.student()
    settings = config.distillation
    return ATSC(
        teachers,
        student.encoder,
        feature_loss_weight=settings.feature_loss_weight,
        feature_loss=settings.feature_loss,
        l2sp_weight=settings.l2sp_weight,
        student_loss_weight=settings.student_loss_weight,
        logits_loss_weight=settings.logits_loss_weight,
        temperature=settings.temperature,
        reduction=settings.reduction,
        projector_parameters=settings.projector_parameters,
        projector=settings.projector,
        l2sp_scope=settings.l2sp_scope,
        batch_norm_momentum=_momentum(config),
        augmentation=device_augmentation(config.data),
    )


def build_same_size(
    teachers: list[ImageClassifier], experiment: Experiment
) -> DistilledStudent:
    """Build the network that ATSC ships, with heads that know nothing.

    Encoder and projectors start as those of `build_atsc` do.

    Args:
        teachers: whose heads it has the form of; left as they are.
        experiment: as for `build_atsc`.

    Raises:
        InputError: likewise.
    """
    keras.utils.set_random_seed(experiment.config.seed)
    unknowing = [teacher.with_new_head() for teacher in teachers]
    return build_atsc(unknowing, experiment).student


def adapt_as_asked(
    teachers: list[ImageClassifier], config: ExperimentConfig
) -> None:
    """Freeze what of the teachers does not adapt; before `compile`.

    Raises:
        InputError: if a pattern of `trainable` names nothing.
    """
    for teacher, asked in zip(teachers, config.teachers, strict=True):
        adapting = asked.trainable
        adapt_only(teacher, [".*"] if adapting is None else adapting)


def build_method(
    name: str,
    teacher: ImageClassifier,
    experiment: Experiment,
    epochs: int,
) -> KnowledgeDistillation:
    """Build a method of a fixed teacher, as published but for the config.

    Args:
        name: of a method of a fixed teacher, as `find_method` takes it.
        teacher: loaded; stays as it is.
        experiment: its student, settings of the method, seed and images count.
        epochs: of the training.

    Raises:
        InputError: if teacher and student do not fit together.
    """
    config, student = experiment.config, experiment.student()
    published, asked = find_method(name), config.methods.of(name)
    data = TrainingSet(len(experiment.dataset.train), config.data.batch_size)
    transfer = None
    if published.loss is not None:
        loss = load_transfer_loss(published.loss)
        transfer = loss.for_training_set(data)

    def chosen(value: float | None, default: float) -> float:
        return default if value is None else value

    return KnowledgeDistillation(
        teacher,
        student,
        transfer,
        chosen(asked.transfer_weight, published.transfer_weight),
        student_loss_weight=asked.student_loss_weight,
        logits_loss_weight=chosen(
            asked.logits_loss_weight, published.logits_weight
        ),
        temperature=asked.temperature,
        warmup_epochs=round(
            chosen(asked.warmup_epochs, published.warmup_share * epochs)
        ),
        batch_norm_momentum=_momentum(config),
        augmentation=device_augmentation(config.data),
    )


def _momentum(config: ExperimentConfig) -> float:
    """Find the most that a student's batch normalisation has."""
    asked = config.student.batch_norm_momentum
    return BATCH_NORM_MOMENTUM if asked is None else asked


def _check_rows(
    teachers: list[ImageClassifier], experiment: Experiment
) -> None:
    """Check that rows of labels are as long as the teachers' logits."""
    classes = len(experiment.dataset.class_names)
    for teacher, asked in zip(
        teachers, experiment.config.teachers, strict=True
    ):
        if teacher.classes != classes:
            raise InputError(
                "With mixup or cutmix a teacher must have exactly the classes "
                f"of the data. Received: {asked.network} with "
                f"{teacher.classes} classes, data with "
                f"{classes}. Leave these augmentations out."
            )
