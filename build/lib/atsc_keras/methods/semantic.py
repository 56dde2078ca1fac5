"""Teaching by maps whose pairing is learnt: SemCKD."""

from typing import Any

import keras
from keras import ops

from atsc_keras.distillation.transfer_loss import (
    Outputs,
    TrainingSet,
    TransferLoss,
)
from atsc_keras.methods.maps import image_mean, same_size, unit_rows
from atsc_keras.methods.relations import similarities
from atsc_keras.models.building_blocks import batch_norm, conv, relu
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor

_FACTOR = 4  # queries and keys have a quarter of a batch's entries


@keras.saving.register_keras_serializable(package="atsc_keras")
class SemanticCalibration(TransferLoss):
    """SemCKD: each map of the student learns from all of the teacher's.

    How much from each is learnt for every image, by attention between rows of
    the maps' similarity matrices.

    Args:
        batch_size: columns of those matrices; smaller batches are padded with
            zeros, larger ones cut; default 64.
        **kwargs: as for `keras.layers.Layer`.

    Reference:
        Chen et al. 2021, "Cross-layer distillation with semantic
        calibration", equations 5 to 8; literature: weight 400 beside KD.
    """

    def __init__(self, batch_size: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_size = batch_size

    @classmethod
    def for_training_set(
        cls, training_set: TrainingSet
    ) -> "SemanticCalibration":
        return cls(training_set.batch_size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "batch_size": self.batch_size}

    def prepare(
        self, teacher: Outputs, student: Outputs, classifier: ImageClassifier
    ) -> None:
        # With one map of the teacher there is nothing to choose from.
        counts = [len(x.maps) for x in (teacher, student)]
        if counts[0] == 1:
            counts = [0, 0]
        width = max(self.batch_size // _FACTOR, 1)
        self.keys, self.queries = (
            [
                _embedding(self.batch_size, width, f"{kind}_{index}")
                for index in range(count)
            ]
            for kind, count in zip(("key", "query"), counts, strict=True)
        )
        self.regressors = [
            [
                _regressor(
                    of_student.shape[-1], of_teacher.shape[-1], f"{i}_{j}"
                )
                for j, of_teacher in enumerate(teacher.maps)
            ]
            for i, of_student in enumerate(student.maps)
        ]
        self.built = True

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        shares = self._attention(teacher, student) if self.keys else None
        loss = 0.0
        for i, of_student in enumerate(student.maps):
            for j, of_teacher in enumerate(teacher.maps):
                target, source = same_size(of_teacher, of_student)
                regressed = self.regressors[i][j](source, training=True)
                difference = image_mean(ops.square(regressed - target))
                share = 1.0 if shares is None else shares[:, i, j]
                loss = loss + share * difference
        return loss / len(student.maps)

    def _attention(self, teacher: Outputs, student: Outputs) -> Tensor:
        """Weigh how much each student map learns from each of the teacher's.

        Returns:
            `(B, student maps, teacher maps)`, sums over the last axis 1.
        """
        keys, queries = (
            ops.stack(
                [
                    unit_rows(embed(self._rows(x)))
                    for embed, x in zip(embeds, outputs.maps, strict=True)
                ],
                axis=1,
            )
            for embeds, outputs in (
                (self.keys, teacher),
                (self.queries, student),
            )
        )
        energy = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
        return ops.softmax(energy, axis=-1)

    def _rows(self, x: Tensor) -> Tensor:
        """Compute the similarities to the batch, `(B, batch_size)`."""
        rows = similarities(x)
        rows = ops.pad(rows, ((0, 0), (0, self.batch_size)))
        return ops.reshape(rows[:, : self.batch_size], (-1, self.batch_size))


def _embedding(inner: int, width: int, name: str) -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((inner,)),
            layers.Dense(2 * width, activation="relu"),
            layers.Dense(width),
        ],
        name=name,
    )


def _regressor(inner: int, channels: int, name: str) -> keras.Model:
    features = x = keras.Input((None, None, inner))
    for index, size in enumerate((1, 3), start=1):
        x = conv(x, channels, size, f"conv{index}")
        x = batch_norm(f"bn{index}")(x)
        x = relu(x, f"relu{index}")
    x = conv(x, channels, 1, "conv3")
    return keras.Model(features, x, name=f"regressor_{name}")
