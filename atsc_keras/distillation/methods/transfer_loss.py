"""What every method of a fixed teacher is made of."""

from dataclasses import dataclass

import keras

from atsc_keras.models.building_blocks import batch_norm
from atsc_keras.models.building_blocks import conv
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.projector import average_pool
from atsc_keras.types import Shape
from atsc_keras.types import Tensor

_TINY = 1e-12


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


def paired_maps(
    teacher: Outputs, student: Outputs
) -> list[tuple[Tensor, Tensor]]:
    """Maps of both networks, paired from the last one on."""
    count = min(len(teacher.maps), len(student.maps))
    return list(zip(teacher.maps[-count:], student.maps[-count:], strict=True))


def same_size(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps at the smaller one's height and width."""
    first = average_pool(first, second.shape[1:3])
    return first, average_pool(second, first.shape[1:3])


def unit_rows(x: Tensor) -> Tensor:
    """Each row of `(B, n)` divided by its length; rows of zeros stay."""
    squared = keras.ops.sum(keras.ops.square(x), axis=-1, keepdims=True)
    # The maximum is inside: a length of zero has no gradient.
    return x * keras.ops.rsqrt(keras.ops.maximum(squared, _TINY))


def image_mean(values: Tensor) -> Tensor:
    """Mean of all but the batch axis, `(B,)`."""
    return keras.ops.mean(values, axis=tuple(range(1, len(values.shape))))


def regressor(shape: Shape, channels: int, name: str) -> keras.Model:
    """A 1x1 convolution with batch normalisation and ReLU."""
    features = x = keras.Input((None, None, shape[-1]))
    x = conv(x, channels, 1, "conv")
    x = batch_norm("bn")(x)
    x = keras.layers.ReLU(name="relu")(x)
    return keras.Model(features, x, name=name)
