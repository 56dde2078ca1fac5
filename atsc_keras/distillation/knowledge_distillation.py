"""The methods of a fixed teacher, on one harness."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import ops

from atsc_keras.distillation.distillation_trainer import DistillationTrainer
from atsc_keras.distillation.losses import class_indices
from atsc_keras.distillation.losses import tempered_kl
from atsc_keras.distillation.losses import weighted_mean
from atsc_keras.distillation.transfer_loss import Outputs
from atsc_keras.distillation.transfer_loss import TransferLoss
from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.stage_maps import with_stage_maps
from atsc_keras.types import Logs
from atsc_keras.types import Tensor

_REPORTED = ("student_loss", "transfer_loss", "logits_loss")


class KnowledgeDistillation(DistillationTrainer):
    """Trains a student with a head of its own on a teacher that stays.

    `student_loss_weight * cross-entropy + transfer_weight * transfer loss +
    logits_loss_weight * tempered KL`, each network once a step, the teacher
    in inference mode. `call`, `evaluate` and `predict` are the student's.
    Its weights can be saved and loaded; to keep a result, save the student.

    Args:
        teacher: a pretrained classifier, `ImageClassifier` or any Keras model
            that `ImageClassifier.from_model` can split; it is frozen.
        student: any such classifier; trained in place.
        transfer: what the method compares; None = the KL alone.
        transfer_weight: default 1.
        student_loss_weight: default 1.
        logits_loss_weight: default 0.
        temperature: of the KL; default 4.
        warmup_epochs: over which `transfer_weight` rises linearly from near
            0; default 0 = at once.
        augmentation: a layer applied to each training batch inside the step,
            once for both networks; default: none.
        **kwargs: as for `keras.Model`.

    The KL is that of `keras.distillation.LogitsDistillation` with
    `loss=keras.losses.KLDivergence()`, but for each image, so that sample
    weights count; by its default name Keras 3.15 takes raw logits for
    probabilities.

    Raises:
        InputError: if the networks cannot be split, or know other classes.

    Example:

    ```python
    trainer = KnowledgeDistillation(teacher, student, Attention(), 1000.0)
    trainer.compile(optimizer=atsc_keras.CoupledSGD(0.05, momentum=0.9))
    trainer.fit(train, validation_data=validation, epochs=240)
    trainer.student.to_functional().save("student.keras")
    ```
    """

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        transfer: TransferLoss | None = None,
        transfer_weight: float = 1.0,
        *,
        student_loss_weight: float = 1.0,
        logits_loss_weight: float = 0.0,
        temperature: float = 4.0,
        warmup_epochs: int = 0,
        augmentation: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_REPORTED, augmentation, **kwargs)
        self.teachers = [ImageClassifier.from_model(teacher)]
        self.student = ImageClassifier.from_model(student)
        _check_agreement(self.teachers[0], self.student)
        self.teachers[0].trainable = False
        self.transfer = transfer
        self.transfer_weight = transfer_weight
        self.student_loss_weight = student_loss_weight
        self.logits_loss_weight = logits_loss_weight
        self.temperature = temperature
        self.warmup_epochs = warmup_epochs
        self.ramp = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="ramp"
        )
        # Functions, past Keras's tracking: the layers are the networks'.
        self._ask_teacher = _outputs_of(self.teachers[0], training=False)
        self._ask_student = _outputs_of(self.student, training=True)
        if transfer is not None:
            images = keras.Input(self.student.image_shape)
            transfer.prepare(
                self._ask_teacher(images),
                self._ask_student(images),
                self.teachers[0],
            )
        self.built = True

    @property
    def teacher(self) -> ImageClassifier:
        """The teacher."""
        return self.teachers[0]

    @property
    def classes(self) -> int:
        """How many classes the student tells apart."""
        return self.student.classes

    def objective(
        self, images: Tensor, labels: Tensor, weight: Tensor | None
    ) -> tuple[Logs, Tensor]:
        """Labels, the method's comparison, and softened predictions."""
        outputs = self._ask_teacher(images)
        teacher = Outputs(
            [ops.stop_gradient(x) for x in outputs.maps],
            ops.stop_gradient(outputs.embedding),
            ops.stop_gradient(outputs.logits),
        )
        student = self._ask_student(images)
        logs = {
            "student_loss": self.cross_entropy(labels, student.logits, weight),
            "transfer_loss": ops.zeros(()),
            "logits_loss": ops.zeros(()),
        }
        if self.transfer is not None:
            indices = class_indices(labels, self.student.classes)
            each = self.transfer.compute_loss(teacher, student, indices)
            logs["transfer_loss"] = weighted_mean(each, weight)
        if self.logits_loss_weight:
            each = tempered_kl(teacher.logits, student.logits, self.temperature)
            logs["logits_loss"] = weighted_mean(each, weight)
        logs["loss"] = (
            self.student_loss_weight * logs["student_loss"]
            + self.transfer_weight * self.ramp * logs["transfer_loss"]
            + self.logits_loss_weight * logs["logits_loss"]
            + sum(self.losses)
        )
        return logs, student.logits

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """Raise the weight of the transfer loss."""
        return [_RaiseWeight(self.warmup_epochs)] if self.warmup_epochs else []


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
    """Everything that a classifier gives, float32."""
    maps = keras.tree.flatten(encoder(images, training=training))
    embedding = classifier.pool(maps[-1], training)
    logits = classifier.classifier(embedding)
    return Outputs(
        [ops.cast(x, "float32") for x in maps if len(x.shape) == 4],
        ops.cast(embedding, "float32"),
        ops.cast(logits, "float32"),
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
