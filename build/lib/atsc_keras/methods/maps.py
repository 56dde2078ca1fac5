"""What several methods do with maps and rows."""

import keras

from atsc_keras.distillation.transfer_loss import Outputs
from atsc_keras.models.projector import average_pool
from atsc_keras.types import Tensor

_TINY = 1e-12


def paired_maps(
    teacher: Outputs, student: Outputs
) -> list[tuple[Tensor, Tensor]]:
    """Pair the maps of both networks, from the last one on."""
    count = min(len(teacher.maps), len(student.maps))
    return list(zip(teacher.maps[-count:], student.maps[-count:], strict=True))


def same_size(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Bring both maps to the smaller one's height and width."""
    first = average_pool(first, second.shape[1:3])
    return first, average_pool(second, first.shape[1:3])


def unit_rows(x: Tensor) -> Tensor:
    """Divide each row of `(B, n)` by its length; rows of zeros stay."""
    squared = keras.ops.sum(keras.ops.square(x), axis=-1, keepdims=True)
    # The maximum is inside: a length of zero has no gradient.
    return x * keras.ops.rsqrt(keras.ops.maximum(squared, _TINY))


def image_mean(values: Tensor) -> Tensor:
    """Average over all but the batch axis, `(B,)`."""
    return keras.ops.mean(values, axis=tuple(range(1, len(values.shape))))
