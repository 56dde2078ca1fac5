"""What teachers and student know while they train, and a word when it fails."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from atsc_keras.backend import process_place
from atsc_keras.distillation.chance import (
    at_chance,
    has_fallen,
    share_renamed,
)
from atsc_keras.distillation.reporting import rate_of, teacher_names
from atsc_keras.distillation.samples import BATCH, Sample
from atsc_keras.distillation.ways_out import ways_out
from atsc_keras.types import Tensor

# Under half or above twice its power before training, a feature map has left
# the range that the classifier was trained on.
FEATURE_POWERS = (0.5, 2.0)
# Images of the first steps that tell what a teacher knows, where no others do.
_FIRST_IMAGES = 256
# What a student shows after fewer steps says nothing: moving statistics of
# momentum 0.99 still lag.
_FEWEST_STEPS = 300
_OF_THE_STUDENT = (
    "val_accuracy",
    "val_sparse_categorical_accuracy",
    "val_categorical_accuracy",
)


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What networks answer, and what is right.

    Attributes:
        labels: class numbers, `(N,)`.
        teachers: class numbers that each answers, `(N,)`.
        student: likewise; None where it was not asked.
    """

    labels: np.ndarray
    teachers: tuple[np.ndarray, ...]
    student: np.ndarray | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """Of right answers, for each teacher."""
        return tuple(float(np.mean(x == self.labels)) for x in self.teachers)


class TeacherWatch(keras.callbacks.Callback):
    """Warns when what is taught or learnt is not worth the training.

    That is: a teacher at chance before the first step; one whose features
    shrink or grow, or that falls from what it knew; a student at chance after
    its warm-up. Each is said once. What networks know is asked of a sample
    before the first step and after each epoch, in inference mode; without a
    sample the means of the training steps count.

    Args:
        sample: images to ask; default: none.
        warmup_epochs: after which the student should know something.
        test_images: behind a `val_accuracy` in the logs; default: unknown.
        batches: whose `batch_size` is that of training; default: unknown.
    """

    def __init__(
        self,
        sample: Sample | None = None,
        warmup_epochs: int = 0,
        test_images: int = 0,
        batches: Any = None,
    ) -> None:
        super().__init__()
        self.warmup_epochs = warmup_epochs
        self.test_images = test_images
        self.batches = batches
        self._sample = sample if process_place()[1] == 1 else None
        self._probe: keras.Model | None = None
        self._said: set[str] = set()
        self._step = 0

    def ask(self) -> Knowledge | None:
        """Ask every network; None without a sample."""
        if self._sample is None:
            return None
        if self._probe is None:
            self._probe = _Probe(self.model)
        images, labels = self._sample.images, self._sample.labels
        asked = [
            self._probe.predict_on_batch(images[n : n + BATCH])
            for n in range(0, len(images), BATCH)
        ]
        student, *teachers = (
            np.concatenate(part).argmax(axis=-1)
            for part in zip(*asked, strict=True)
        )
        return Knowledge(labels, tuple(teachers), student)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.model.known_before is not None:
            return  # of an earlier `fit`
        found = self.ask()
        if found is None:
            return
        self.model.known_before = found.shares
        names = teacher_names(len(found.teachers))
        told = zip(names, self.model.teachers, found.teachers, strict=True)
        for name, teacher, answers in told:
            classes = teacher.classes
            if words := chance_words(answers, found.labels, classes, name):
                self._warn(name, words)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._step += 1
        size = getattr(self.batches, "batch_size", None)
        if self.model.known_before is not None or not size or not logs:
            return
        images = (batch + 1) * size
        if images < _FIRST_IMAGES or "teacher_accuracy" not in logs:
            return
        self._take_first(float(logs["teacher_accuracy"]), images)

    def _take_first(self, share: float, images: int) -> None:
        self.model.known_before = (share,)
        classes = self.model.teacher.classes
        if at_chance(round(share * images), images, classes):
            self._warn(
                "teacher",
                _chance_words("teacher", share, images, classes, "training "),
            )

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        logs = logs or {}
        now = self.ask()
        self._check_losses(epoch, logs)
        self._check_power(epoch, logs)
        self._check_fall(epoch, logs, now)
        self._check_student(epoch, logs, now)

    def _check_losses(self, epoch: int, logs: dict[str, Any]) -> None:
        if not math.isfinite(float(logs.get("loss", 0.0))):
            self._warn(
                "loss",
                f"The loss of epoch {epoch + 1} is not finite: no weight that "
                "it has moved is of use. Stop, and train again with a smaller "
                "learning rate or an optimizer with `clipnorm`.",
            )

    def _check_power(self, epoch: int, logs: dict[str, Any]) -> None:
        power = float(logs.get("teacher_feature_power", 1.0))
        lowest, highest = FEATURE_POWERS
        if lowest <= power <= highest:
            return
        way, what = (
            ("growing", "large") if power > 1 else ("shrinking", "small")
        )
        self._warn(
            "power",
            f"The teacher's features are {way}: their mean square is "
            f"{power:.2f} of what it was before training (epoch {epoch + 1}). "
            f"Distillation then teaches the student {what} features, which "
            f"the classifier was not trained on. {ways_out(self.model)}",
        )

    def _check_fall(
        self, epoch: int, logs: dict[str, Any], now: Knowledge | None
    ) -> None:
        before = self.model.known_before
        if before is None:
            if "teacher_accuracy" in logs:  # an epoch of few images
                self.model.known_before = (float(logs["teacher_accuracy"]),)
            return
        in_training = logs.get("teacher_accuracy")
        if now is None:
            shares: tuple[float, ...] = ()
            if in_training is not None:
                shares = (float(in_training),)
            images = _FIRST_IMAGES
        else:
            shares, images = now.shares, len(now.labels)
        if len(shares) != len(before):
            return
        for share, known in zip(shares, before, strict=True):
            if has_fallen(share, known, images):
                lags = now is not None and in_training is not None
                lags = lags and not has_fallen(
                    float(in_training or 0), known, images
                )
                self._warn(
                    "fall",
                    "The teacher is forgetting its classes: it gets "
                    f"{100 * share:.0f} % right after epoch {epoch + 1} and "
                    f"had {100 * known:.0f} % before training. Distillation "
                    "then teaches the student features that say little. "
                    f"{ways_out(self.model, statistics_lag=lags)}",
                )

    def _check_student(
        self, epoch: int, logs: dict[str, Any], now: Knowledge | None
    ) -> None:
        if epoch < max(1, self.warmup_epochs) or self._step < _FEWEST_STEPS:
            return
        classes = self.model.teacher.classes
        share = next(
            (logs[key] for key in _OF_THE_STUDENT if key in logs), None
        )
        images = self.test_images
        if now is not None and now.student is not None:
            share = float(np.mean(now.student == now.labels))
            images = len(now.labels)
        if not images or share is None:
            return
        if at_chance(round(float(share) * images), images, classes):
            rates = ", ".join(
                f"`{name}` with {rate_of(own):.3g}"
                for name, own in self.model.optimizers.items()
            )
            self._warn(
                "student",
                f"The student is at chance after epoch {epoch + 1}: it gets "
                f"{100 * float(share):.0f} % of {images} images right, and "
                f"guessing one of {classes} classes {100 / classes:.3g} %. It "
                "learns nothing of use. Look whether the teacher still knows "
                "its classes, and whether the learning rate is far too large "
                f"or too small ({rates}). An optimizer with "
                "`global_clipnorm=1` bears a larger one.",
            )

    def _warn(self, kind: str, words: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            warnings.warn(words, stacklevel=3)


def chance_words(
    answers: np.ndarray, labels: np.ndarray, classes: int, name: str
) -> str | None:
    """Say that a teacher is at chance before it teaches; None where not.

    Args:
        answers: class numbers, `(N,)`.
        labels: what is right, likewise.
        classes: to guess from.
        name: of the teacher, such as "teacher 2".
    """
    right, images = int(np.sum(answers == labels)), len(labels)
    if not at_chance(right, images, classes):
        return None
    renamed = share_renamed(answers, labels, classes)
    return _chance_words(name, right / images, images, classes, "", renamed)


def _chance_words(
    name: str,
    share: float,
    images: int,
    classes: int,
    kind: str,
    renamed: float | None = None,
) -> str:
    finding = (
        f"The {name} is at chance before it teaches: it gets "
        f"{100 * share:.0f} % of {images} {kind}images right, and guessing one "
        f"of {classes} classes gets {100 / classes:.3g} %. "
    )
    if renamed is not None:
        return (
            f"{finding}But with its classes in another order it would get "
            f"{100 * renamed:.0f} %: number the labels in the order that it "
            "was trained with."
        )
    return (
        f"{finding}A student learns nothing from it. Load its trained "
        "weights, or train it first; if it was trained, look for other "
        "classes, another order of them, or another range of pixels than "
        "[0, 255]."
    )


class _Probe(keras.Model):
    """Image -> logits of the student, and of each teacher."""

    def __init__(self, trainer: keras.Model) -> None:
        super().__init__(name="teacher_probe")
        self.trainer = trainer
        self.built = True

    def call(self, images: Tensor) -> list[Tensor]:
        return [
            self.trainer.student(images, training=False),
            *(t(images, training=False) for t in self.trainer.teachers),
        ]
