"""Weights that a training has spoilt are named, not used."""

import keras
import numpy as np

from atsc_keras.errors import InputError


def check_weights_are_numbers(model: keras.Model, what: str) -> None:
    """See that no weight of a model is NaN.

    Args:
        model: loaded.
        what: how the message calls it, such as its file.

    Raises:
        InputError: if one is, with its path.
    """
    weights = model.weights
    spoilt = [
        weight.path
        for weight in weights
        if keras.backend.is_float_dtype(weight.dtype)
        and np.isnan(keras.ops.convert_to_numpy(weight)).any()
    ]
    if spoilt:
        raise InputError(
            "The weights of a model must be numbers. Received: "
            f"{what}, where {len(spoilt)} of {len(weights)} hold NaN, such as "
            f"{spoilt[0]}. Give the model as it was before its training "
            "diverged, or train it again with a smaller learning rate."
        )
