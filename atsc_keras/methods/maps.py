"""What several methods do with maps and rows."""

import keras

from atsc_keras.distillation.transfer_loss import Outputs
from atsc_keras.models.projector import average_pool
from atsc_keras.types import Tensor

_TINY = 1e-12


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
