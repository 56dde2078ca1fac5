"""Adaptive teaching with a shared classifier."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal

import keras
from keras import ops

from atsc_keras.distillation.distilled_student import (
    DistilledStudent,
    as_distilled_student,
)
from atsc_keras.distillation.feature_power import FeaturePower
from atsc_keras.distillation.losses import (
    FeatureAlignment,
    accuracy,
    align_rank,
    l2sp,
    loss_dtype,
    tempered_kl,
    weighted_mean,
)
from atsc_keras.distillation.ownership import (
    check_owners,
    warn_of_other_students,
)
from atsc_keras.distillation.reporting import combine, reported_names
from atsc_keras.distillation.settings import ATSCSettings
from atsc_keras.distillation.shipping import SETTINGS, SizedTrainer
from atsc_keras.distillation.starting_point import (
    add_starting_point,
    copy_weights,
    held_weights,
)
from atsc_keras.models.batch_norm import keeping_up
from atsc_keras.models.building_blocks import BATCH_NORM_MOMENTUM
from atsc_keras.models.freezing import training_pass
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Logs, Tensor


@keras.saving.register_keras_serializable(package="atsc_keras")
class ATSC(SizedTrainer):
    """Trains a student on teachers that adapt to what it can learn.

    Each step runs every network once and updates all of them:

    - student encoder, projectors and teacher encoders descend
      `feature_loss_weight * feature_loss + l2sp_weight * l2sp_loss`;
    - the shared classifiers descend the cross-entropy of the teachers'
      logits, features held constant.

    `call`, `evaluate` and `predict` are the student's. The given models are
    adopted: their weights move in place, the teachers' too, but not their
    `trainable` flags. Their own regularisation losses are added, as in `fit`.

    Args:
        teacher: a pretrained classifier, `ImageClassifier` or any Keras model
            that `ImageClassifier.from_model` can split; or a list of them. It
            shares no layer with the student.
        student: any Keras classifier (its head is not used), an encoder, or
            a `DistilledStudent` of these teachers.
        feature_loss_weight: default 1.
        feature_loss: "normalized_mse" (default), over the variance of the
            teacher's features; or "mse", as published.
        l2sp_weight: default 1.
        student_loss_weight: of the cross-entropy of the student's logits,
            which reaches the student only; default 1; as published: 0.
        logits_loss_weight: of the tempered KL divergence of the student's
            logits from each teacher's; default 1; as published: 0.
        temperature: of that divergence; default 4.
        reduction: of the projectors' bottleneck: a number, or "auto" (default),
            by the size of the teachers; see `DistilledStudent`.
        projector_parameters: a budget for all projectors, in its place.
        projector: their form: "auto" (default), "bottleneck" as published,
            "separable", "linear" or "none"; see `DistilledStudent`.
        l2sp_scope: what L2-SP holds of the teachers: "all" that is trainable
            (default), or the "kernels" only: weights whose name ends so.
        batch_norm_momentum: of the projectors, and while training the most of
            the student's encoder; default 0.9.
        augmentation: a layer for each training batch, once for all networks,
            such as `keras.layers.RandomFlip("horizontal")`; default: none.
            Inside a network such a layer is warned of.
        **kwargs: as for `keras.Model`.

    Raises:
        InputError: if the networks cannot be split or do not fit together,
            or an argument is out of range.

    Example:
    ```python
    atsc = atsc_keras.ATSC(teacher, student)
    atsc.compile(optimizer=atsc_keras.CoupledSGD(0.05, momentum=0.9))
    atsc.fit(train, validation_data=validation, epochs=240)
    atsc.student.to_functional().save("student.keras")
    ```

    Reference:
        Jang et al. 2024, "Adaptive teaching with shared classifier for
        knowledge distillation" (arXiv 2406.08528). Departures: all gradients
        come from one forward pass, where the paper runs the teacher a second
        time for the classifier (same gradients for the encoders, the
        classifier's is one batch fresher); L2-SP covers batch normalisation
        too unless `l2sp_scope="kernels"`, because the kernels alone let the
        teacher shrink its features.
    """

    settings: ATSCSettings

    def __init__(
        self,
        teacher: keras.Model | Sequence[keras.Model],
        student: keras.Model,
        *,
        feature_loss_weight: float = 1.0,
        feature_loss: Literal["mse", "normalized_mse"] = "normalized_mse",
        l2sp_weight: float = 1.0,
        student_loss_weight: float = 1.0,
        logits_loss_weight: float = 1.0,
        temperature: float = 4.0,
        reduction: int | Literal["auto"] = "auto",
        projector_parameters: int | None = None,
        projector: str = "auto",
        l2sp_scope: Literal["all", "kernels"] = "all",
        batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
        augmentation: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        settings = ATSCSettings(
            feature_loss_weight=feature_loss_weight,
            feature_loss=feature_loss,
            l2sp_weight=l2sp_weight,
            student_loss_weight=student_loss_weight,
            logits_loss_weight=logits_loss_weight,
            temperature=temperature,
            l2sp_scope=l2sp_scope,
        )
        models = teacher if isinstance(teacher, list | tuple) else [teacher]
        teachers = [ImageClassifier.from_model(model) for model in models]
        distilled = as_distilled_student(
            student,
            teachers,
            reduction=reduction,
            projector_parameters=projector_parameters,
            projector=projector,
            batch_norm_momentum=batch_norm_momentum,
        )
        check_owners(teachers, distilled.encoder)
        names = reported_names(len(teachers))
        super().__init__(teachers, settings, names, augmentation, **kwargs)
        self.student = distilled
        self.feature_alignment = FeatureAlignment(
            normalized=feature_loss == "normalized_mse"
        )
        self.starting_point = add_starting_point(self, self._teacher_weights())
        self.feature_power = FeaturePower(
            len(teachers), loss_dtype(*self._teacher_weights())
        )
        self.built = True
        self.reset_starting_point()

    def reset_starting_point(self) -> None:
        """Make the teachers' present weights the starting point of L2-SP.

        Needed only if weights are loaded into a teacher after this object
        was made.
        """
        copy_weights(self._teacher_weights(), self.starting_point)
        self.feature_power.reset()
        self.known_before = None

    def prepare_step(self) -> None:
        """Find what adapts, and how fast the student's statistics move."""
        self._teacher_passes = [training_pass(t.encoder) for t in self.teachers]
        most = self.student.batch_norm_momentum
        self._statistics = keeping_up(self.student.encoder, most)

    def before_fit(self, verbose: Any = "auto") -> None:
        """Warn where training moves the logits of an earlier student."""
        super().before_fit(verbose)
        for teacher, head in zip(
            self.teachers, self.student.heads, strict=True
        ):
            if any(v.trainable for v in teacher.head_variables):
                warn_of_other_students(teacher.classifier, head)

    # === The step ===

    def objective(
        self, images: Tensor, labels: Tensor, weight: Tensor | None
    ) -> tuple[Logs, Tensor]:
        """Find what every weight descends, by terms of its own: Algorithm 1."""
        features, teacher_logits = self._teach(images)
        with self._statistics():
            projected = self.student.features(images, training=True)
        student_logits = self.student.classify_with_fixed_heads(projected)

        logs = combine(
            {
                "feature_loss": self._feature_losses(
                    features, projected, weight
                ),
                "l2sp_loss": self._l2sp_losses(),
                "teacher_loss": [
                    self.cross_entropy(labels, x, weight)
                    for x in teacher_logits
                ],
                "teacher_accuracy": [
                    accuracy(labels, x) for x in teacher_logits
                ],
                "teacher_feature_power": self.feature_power(features),
            }
        )
        logs["loss"] = (
            self.settings.feature_loss_weight * logs["feature_loss"]
            + self.settings.l2sp_weight * logs["l2sp_loss"]
            + logs["teacher_loss"]
            + self._student_terms(
                labels, student_logits, teacher_logits, weight
            )
            + sum(self.losses)
        )
        return logs, student_logits

    def _teach(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Encode with each teacher; classify its features, held constant."""
        features = [encode(images) for encode in self._teacher_passes]
        return features, [
            teacher.classify(
                ops.stop_gradient(x), training=bool(teacher.trainable_variables)
            )
            for teacher, x in zip(self.teachers, features, strict=True)
        ]

    def _feature_losses(
        self,
        features: list[Tensor],
        projected: list[Tensor],
        weight: Tensor | None,
    ) -> list[Tensor]:
        """Measure the alignment with each teacher."""
        return [
            self.feature_alignment.compute_loss(
                align_rank(teacher, x, p), p, sample_weight=weight
            )
            for teacher, x, p in zip(
                self.teachers, features, projected, strict=True
            )
        ]

    def _l2sp_losses(self) -> list[Tensor]:
        """Measure the distance of each teacher from its starting point."""
        scope = self.settings.l2sp_scope
        starts = iter(self.starting_point)
        each = [teacher.encoder.weights for teacher in self.teachers]
        return [
            l2sp(*held_weights(own, list(islice(starts, len(own))), scope))
            for own in each
        ]

    def _student_terms(
        self,
        labels: Tensor,
        student_logits: Tensor,
        teacher_logits: list[Tensor],
        weight: Tensor | None,
    ) -> Tensor | float:
        """Sum optional terms on the logits that the student really uses."""
        loss: Tensor | float = 0.0
        if self.settings.student_loss_weight:
            loss += self.settings.student_loss_weight * self.cross_entropy(
                labels, student_logits, weight
            )
        if self.settings.logits_loss_weight:
            for logits in teacher_logits:
                divergence = tempered_kl(
                    ops.stop_gradient(logits),
                    student_logits,
                    self.settings.temperature,
                )
                loss += self.settings.logits_loss_weight * weighted_mean(
                    divergence, weight
                )
        return loss

    def _teacher_weights(self) -> list[keras.Variable]:
        return [w for teacher in self.teachers for w in teacher.encoder.weights]

    # === Saving ===

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            **self.settings.as_dict(),
            "teacher": [serialize(teacher) for teacher in self.teachers],
            "student": serialize(self.student.encoder),
            **{name: getattr(self.student, name) for name in SETTINGS},
            "augmentation": serialize(self.augmentation),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict | None = None
    ) -> "ATSC":
        teachers, encoder, augmentation = (
            keras.saving.deserialize_keras_object(
                config.pop(key), custom_objects=custom_objects
            )
            for key in ("teacher", "student", "augmentation")
        )
        own = {n: config.pop(n) for n in SETTINGS if n in config}
        student = DistilledStudent(encoder, teachers, name="student", **own)
        return cls(teachers, student, augmentation=augmentation, **config)
