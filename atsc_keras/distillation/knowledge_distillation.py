"""The methods of a fixed teacher, on one harness."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

from atsc_keras.distillation.distillation_trainer import DistillationTrainer
from atsc_keras.distillation.losses import (
    class_indices,
    loss_dtype,
    tempered_kl,
    weighted_mean,
    widened,
)
from atsc_keras.distillation.ownership import check_owners
from atsc_keras.distillation.settings import FixedTeacherSettings
from atsc_keras.distillation.transfer_loss import Outputs, TransferLoss
from atsc_keras.errors import InputError
from atsc_keras.models.batch_norm import keeping_up
from atsc_keras.models.building_blocks import (
    BATCH_NORM_MOMENTUM,
    check_momentum,
)
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.stage_maps import with_stage_maps
from atsc_keras.types import Logs, Tensor

_OBJECTS = ("teacher", "student", "transfer", "augmentation")
_REPORTED = ("student_loss", "transfer_loss", "logits_loss")


# Beside the labels, where nothing else is compared: KD as it is published.
_KD_WEIGHT = 1.0


@keras.saving.register_keras_serializable(package="atsc_keras")
class KnowledgeDistillation(DistillationTrainer):
    """Trains a student with a head of its own on a teacher that stays.

    `student_loss_weight * cross-entropy + transfer_weight * transfer loss +
    logits_loss_weight * tempered KL`, each network once a step, the teacher
    in inference mode. `call`, `evaluate` and `predict` are the student's. The
    teacher's weights and `trainable` flags stay as they are.

    Args:
        teacher: a pretrained classifier, `ImageClassifier` or any Keras model
            that `ImageClassifier.from_model` can split.
        student: any such classifier; trained in place. It shares no layer
            with the teacher.
        transfer: what the method compares, not yet used by another trainer;
            default: nothing but the KL.
        transfer_weight: default 1.
        student_loss_weight: default 1.
        logits_loss_weight: default 1 without `transfer` (KD), else 0.
        temperature: of the KL; default 4.
        warmup_epochs: over which `transfer_weight` rises linearly from near
            0; default 0 = at once.
        batch_norm_momentum: while training the most of the student's; default
            0.9.
        augmentation: a layer applied to each training batch inside the step,
            once for both networks; default: none.
        **kwargs: as for `keras.Model`.

    The KL is that of `keras.distillation.LogitsDistillation` with
    `loss=keras.losses.KLDivergence()`, but for each image, so that sample
    weights count; by its default name Keras 3.15 takes raw logits for
    probabilities.

    Raises:
        InputError: if the networks cannot be split, share layers or know
            other classes, or a setting is out of range.

    Example:
    ```python
    trainer = KnowledgeDistillation(teacher, student, Attention(), 1000.0)
    trainer.compile(optimizer=atsc_keras.CoupledSGD(0.05, momentum=0.9))
    trainer.fit(train, validation_data=validation, epochs=240)
    trainer.student.to_functional().save("student.keras")
    ```
    """

    settings: FixedTeacherSettings

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        transfer: TransferLoss | None = None,
        transfer_weight: float = 1.0,
        *,
        student_loss_weight: float = 1.0,
        logits_loss_weight: float | None = None,
        temperature: float = 4.0,
        warmup_epochs: int = 0,
        batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
        augmentation: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        if logits_loss_weight is None:
            logits_loss_weight = 0.0 if transfer else _KD_WEIGHT
        settings = FixedTeacherSettings(
            transfer_weight=transfer_weight,
            student_loss_weight=student_loss_weight,
            logits_loss_weight=logits_loss_weight,
            temperature=temperature,
            warmup_epochs=warmup_epochs,
        )
        fixed = ImageClassifier.from_model(teacher)
        learner = ImageClassifier.from_model(student)
        _check_agreement(fixed, learner)
        check_owners([fixed], learner)
        _check_transfer(transfer)
        super().__init__([fixed], settings, _REPORTED, augmentation, **kwargs)
        self.student = learner
        self.batch_norm_momentum = check_momentum(batch_norm_momentum)
        self.transfer = transfer
        self.ramp = self.add_weight(
            shape=(),
            initializer="ones",
            dtype=loss_dtype(*fixed.classifier.weights),
            trainable=False,
            name="ramp",
        )
        # Functions, past Keras's tracking: the layers are the networks'.
        self._ask_teacher = _outputs_of(fixed, training=False)
        self._ask_student = _outputs_of(self.student, training=True)
        if transfer is not None:
            images = keras.Input(self.student.image_shape)
            transfer.prepare(
                self._ask_teacher(images),
                self._ask_student(images),
                fixed,
            )
        self.built = True

    @property
    def classes(self) -> int:
        """How many classes the student tells apart."""
        return self.student.classes

    # === What learns: all but the teacher, whatever its flags say ===

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        return self._learning(super().trainable_variables)

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        return self._learning(super().trainable_weights)

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        return _without(self.variables, self.trainable_variables)

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        return _without(self.weights, self.trainable_weights)

    def _learning(
        self, variables: list[keras.Variable]
    ) -> list[keras.Variable]:
        return _without(variables, self.teacher.variables)

    def prepare_step(self) -> None:
        """Find how fast the student's statistics move."""
        most = self.batch_norm_momentum
        self._statistics = keeping_up(self.student, most)

    def objective(
        self, images: Tensor, labels: Tensor, weight: Tensor | None
    ) -> tuple[Logs, Tensor]:
        """Weigh labels, the method's comparison, and softened predictions."""
        outputs = self._ask_teacher(images)
        teacher = Outputs(
            [ops.stop_gradient(x) for x in outputs.maps],
            ops.stop_gradient(outputs.embedding),
            ops.stop_gradient(outputs.logits),
        )
        with self._statistics():
            student = self._ask_student(images)
        logs = {
            "student_loss": self.cross_entropy(labels, student.logits, weight),
            "transfer_loss": ops.zeros_like(self.ramp.value),
            "logits_loss": ops.zeros_like(self.ramp.value),
        }
        if self.transfer is not None:
            indices = class_indices(labels, self.student.classes)
            each = self.transfer.compute_loss(teacher, student, indices)
            logs["transfer_loss"] = weighted_mean(each, weight)
        if self.settings.logits_loss_weight:
            each = tempered_kl(
                teacher.logits, student.logits, self.settings.temperature
            )
            logs["logits_loss"] = weighted_mean(each, weight)
        logs["loss"] = (
            self.settings.student_loss_weight * logs["student_loss"]
            + self.settings.transfer_weight * self.ramp * logs["transfer_loss"]
            + self.settings.logits_loss_weight * logs["logits_loss"]
            + sum(self.losses)
        )
        return logs, student.logits

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """Raise the weight of the transfer loss."""
        epochs = self.settings.warmup_epochs
        raising = [_RaiseWeight(epochs)] if epochs else []
        return [*super().own_callbacks(), *raising]

    # === Saving ===

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            **self.settings.as_dict(),
            "batch_norm_momentum": self.batch_norm_momentum,
            **{name: serialize(getattr(self, name)) for name in _OBJECTS},
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict | None = None
    ) -> "KnowledgeDistillation":
        for name in _OBJECTS:
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
        return cls(**config)


class _RaiseWeight(keras.callbacks.Callback):
    """Raises the transfer loss's share to 1, as the epoch alone decides."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.ramp.assign(min((epoch + 1) / self.epochs, 1.0))


def _outputs_of(
    classifier: ImageClassifier, training: bool
) -> Callable[[Tensor], Outputs]:
    encoder = with_stage_maps(classifier.encoder)
    return partial(_ask, encoder, classifier, training)


def _ask(
    encoder: keras.Model,
    classifier: ImageClassifier,
    training: bool,
    images: Tensor,
) -> Outputs:
    """Compute everything that a classifier gives, float32 at least."""
    maps = keras.tree.flatten(encoder(images, training=training))
    embedding = classifier.pool(maps[-1], training)
    logits = classifier.classifier(embedding)
    *maps, embedding, logits = widened(
        *(x for x in maps if len(x.shape) == 4), embedding, logits
    )
    return Outputs(maps, embedding, logits)


def _without(
    variables: list[keras.Variable], others: list[keras.Variable]
) -> list[keras.Variable]:
    known = set(map(id, others))
    return [v for v in variables if id(v) not in known]


def _check_transfer(transfer: TransferLoss | None) -> None:
    if transfer is not None and transfer.weights:
        raise InputError(
            "`transfer` must belong to one trainer: its layers learn with the "
            f"student. Received: {type(transfer).__name__}, which has "
            f"{len(transfer.weights)} weights already. Make a new one."
        )


def _check_agreement(
    teacher: ImageClassifier, student: ImageClassifier
) -> None:
    for what in ("image_shape", "classes"):
        own, other = getattr(student, what), getattr(teacher, what)
        if own != other:
            raise InputError(
                f"Teacher and student must have the same {what}. Received: "
                f"teacher {other}, student {own}. Build both for one data set."
            )
