"""What adapting does to the teachers, noted while they teach."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from atsc_keras.data.dataset import Dataset
from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.losses import align_rank, matched_maps
from atsc_keras.distillation.teacher_watch import Knowledge, TeacherWatch
from atsc_keras.models.graphs import leaf_layers
from atsc_keras.processes import count_processes
from atsc_keras.records.models import Adaptation, Movement
from atsc_keras.records.run import Run
from atsc_keras.types import Tensor

_IMAGES = 512  # enough for two digits, few beside an epoch
_BATCH = 128


class AdaptationNote(TeacherWatch):
    """Notes how far student and teachers are apart, and how far they moved.

    It watches the teachers on the images that it asks them.

    Adds to the logs of an epoch, for images that training does not see (512
    at most) and all networks as they are in use:

    - `val_feature_distance`: mean squared difference of student's and
      teacher's features over the mean variance of the teacher's; 1 would be
      a student that gives the mean of each channel;
    - `val_teacher_accuracy`.

    Both are means over the teachers. `adaptation.json` says what the teachers
    got right before the first step and, when training ends, of each layer of
    each teacher that adapts how far its weights are from their start, relative
    to their size. Several processes note nothing.

    Args:
        run: to note it in.
        dataset: whose test images count.
        warmup_epochs: as for `TeacherWatch`.
    """

    def __init__(
        self, run: Run, dataset: Dataset, warmup_epochs: int = 0
    ) -> None:
        super().__init__(None, warmup_epochs, len(dataset.test))
        self.run = run
        self.dataset = dataset
        self._networks: keras.Model | None = None
        self._outputs: list[list[np.ndarray]] = []
        self._images: np.ndarray | None = None
        self._labels: np.ndarray | None = None

    def ask(self) -> Knowledge | None:
        """Ask the teachers, unless several processes train."""
        if count_processes() > 1:
            return None
        if self._networks is None:
            self._networks = _AdaptationProbe(self.model)
        if self._images is None or self._labels is None:
            self._images, self._labels = self.dataset.test.sample(_IMAGES)
        flat = self._networks.predict(
            self._images.astype("float32"), batch_size=_BATCH, verbose=0
        )
        self._outputs = [flat[n : n + 3] for n in range(0, len(flat), 3)]
        answers = [logits.argmax(axis=-1) for _, _, logits in self._outputs]
        return Knowledge(self._labels, tuple(answers))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        noted = self.run.load(Adaptation)
        if noted is not None and noted.teacher_accuracy_before:
            self.model.known_before = noted.teacher_accuracy_before
        super().on_train_begin(logs)
        self._write(())

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        super().on_epoch_end(epoch, logs)
        if logs is None or not self._outputs:
            return
        distances = [feature_distance(x, y) for x, y, _ in self._outputs]
        shares = [
            np.mean(logits.argmax(axis=-1) == self._labels)
            for _, _, logits in self._outputs
        ]
        logs["val_feature_distance"] = float(np.mean(distances))
        logs["val_teacher_accuracy"] = float(np.mean(shares))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._write(tuple(relative_movements(self.model)))

    def _write(self, layers: tuple[Movement, ...]) -> None:
        before = self.model.known_before or ()
        self.run.write(
            Adaptation(layers=layers, teacher_accuracy_before=before)
        )


def feature_distance(features: np.ndarray, projected: np.ndarray) -> float:
    """Divide the mean squared difference by the teacher's mean variance.

    Args:
        features: of the teacher, `(N, h, w, C)` or `(N, C)`.
        projected: of the student, the same shape.

    Returns:
        0 where they are equal; infinite where the teacher's never change.
    """
    axes = tuple(range(features.ndim - 1))
    variance = features.astype("float64").var(axis=axes).mean()
    squared = np.square(projected.astype("float64") - features).mean()
    return float(squared / variance) if variance else float("inf")


def relative_movements(atsc: ATSC) -> list[Movement]:
    """Measure how far each layer of the teachers is from where it started.

    Args:
        atsc: after some training.

    Returns:
        One for each layer with weights that adapt.
    """
    starts = iter(atsc.starting_point)
    movements = []
    for number, teacher in enumerate(atsc.teachers, start=1):
        start = {id(w): next(starts) for w in teacher.encoder.weights}
        for layer in leaf_layers(teacher.encoder):
            pairs = [
                (
                    keras.ops.convert_to_numpy(weight),
                    keras.ops.convert_to_numpy(start[id(weight)]),
                )
                for weight in layer.trainable_weights
            ]
            if pairs:
                movements.append(
                    Movement(
                        teacher=number,
                        layer=layer.name,
                        moved=_relative(pairs),
                        parameters=sum(now.size for now, _ in pairs),
                    )
                )
    return movements


def _relative(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    moved = sum(float(np.square(now - start).sum()) for now, start in pairs)
    size = sum(float(np.square(start).sum()) for _, start in pairs)
    return float(np.sqrt(moved / size)) if size else 0.0


class _AdaptationProbe(keras.Model):
    """All that is compared, in one model: image -> three of each teacher."""

    def __init__(self, atsc: ATSC) -> None:
        super().__init__(name="adaptation_probe")
        self.atsc = atsc
        self.built = True

    def call(self, images: Tensor) -> list[Tensor]:
        outputs = []
        student = self.atsc.student.features(images, training=False)
        for teacher, projected in zip(self.atsc.teachers, student, strict=True):
            features = teacher.encoder(images, training=False)
            compared = align_rank(teacher, features, projected)
            outputs += [
                *matched_maps(compared, projected),
                teacher.classify(features, training=False),
            ]
        return outputs
