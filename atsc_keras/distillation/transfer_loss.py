"""What every method of a fixed teacher is made of."""

from dataclasses import dataclass

import keras

from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor


@dataclass(frozen=True)
class Outputs:
    """What a classifier gives for a batch.

    Attributes:
        maps: the last map of each resolution, `(B, h, w, C)`, from large to
            small; the encoder's features are the last where they are a map.
        embedding: pooled features, `(B, C)`.
        logits: `(B, classes)`.
    """

    maps: list[Tensor]
    embedding: Tensor
    logits: Tensor


class TransferLoss(keras.layers.Layer):
    """One way in which a fixed teacher teaches, beside the labels.

    A subclass says in `compute_loss` what it compares; layers that learn
    with the student are made in `prepare`. Both networks are trained
    elsewhere: `KnowledgeDistillation` does.
    """

    def prepare(
        self, teacher: Outputs, student: Outputs, classifier: ImageClassifier
    ) -> None:
        """Make what is needed for these two networks.

        Args:
            teacher: symbolic outputs.
            student: likewise.
            classifier: the teacher itself.
        """

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        """Compare a batch.

        Args:
            teacher: outputs of the teacher, held constant.
            student: outputs of the student.
            labels: class indices, int32 `(B,)`.

        Returns:
            float32 `(B,)`: the loss of each image.
        """
        raise NotImplementedError(f"{type(self).__name__}.compute_loss")
