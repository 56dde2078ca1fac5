"""The teachers' weights as they were before the first step."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from atsc_keras.distillation.losses import loss_dtype
from atsc_keras.models.graphs import is_kernel


def add_starting_point(
    owner: keras.layers.Layer, weights: Sequence[keras.Variable]
) -> list[keras.Variable]:
    """Add one variable to `owner` for each weight, saved with it.

    Frozen weights and statistics get one too, so that what is saved does not
    depend on what is frozen.

    Args:
        owner: the layer that will hold them; not yet built.
        weights: whose values `copy_weights` will keep there.

    Returns:
        Variables of zeros, not trainable.
    """
    return [
        owner.add_weight(
            shape=weight.shape,
            initializer="zeros",
            trainable=False,
            dtype=loss_dtype(weight),
            name=f"starting_point_{index}",
        )
        for index, weight in enumerate(weights)
    ]


def copy_weights(
    weights: Sequence[keras.Variable], copies: Sequence[keras.Variable]
) -> None:
    """Assign each weight's value to its copy, never its buffer."""
    for weight, copy in zip(weights, copies, strict=True):
        # Through numpy: `copy.assign(weight)` may share the buffer.
        copy.assign(np.array(ops.convert_to_numpy(weight.value)))


def held_weights(
    weights: Sequence[keras.Variable],
    copies: Sequence[keras.Variable],
    scope: str,
) -> tuple[list[keras.Variable], list[keras.Variable]]:
    """Find the weights that L2-SP holds near their start.

    Args:
        weights: of the teacher encoders.
        copies: their starting points.
        scope: "all" trainable ones, or the "kernels" among them.

    Returns:
        Weights and their starting points; frozen ones are left out.
    """
    pairs = [
        (weight, copy)
        for weight, copy in zip(weights, copies, strict=True)
        if weight.trainable
        and not (scope == "kernels" and not is_kernel(weight))
    ]
    return [weight for weight, _ in pairs], [copy for _, copy in pairs]
