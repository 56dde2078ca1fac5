"""Weights that a computation uses without teaching them."""

from collections.abc import Sequence

import keras
from keras import ops


def fixed(variables: Sequence[keras.Variable]) -> keras.StatelessScope:
    """Make a scope in which weights are constants: no gradient reaches them.

    Args:
        variables: every weight that is read inside; the scope hides those of
            an outer one.

    Returns:
        A context manager; nothing is assigned inside it.
    """
    values = [(v, ops.stop_gradient(v.value)) for v in variables]
    return keras.StatelessScope(state_mapping=values)
