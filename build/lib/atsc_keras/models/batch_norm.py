"""How fast moving statistics follow those of the batches."""

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import leaf_layers
from atsc_keras.models.image_classifier import ImageClassifier


def set_batch_norm_momentum(
    classifier: ImageClassifier, momentum: float | None
) -> None:
    """Set the momentum of a classifier's batch normalisation.

    Args:
        classifier: changed in place; before `compile`.
        momentum: share of the old statistics that a step keeps; None = as it
            is.

    Raises:
        InputError: if there is no batch normalisation to set.
    """
    if momentum is None:
        return
    found = [
        layer
        for layer in leaf_layers(classifier.encoder)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    if not found:
        raise InputError(
            "`batch_norm_momentum` needs a network with batch normalisation. "
            f"Received: batch_norm_momentum={momentum:g} with "
            f"{classifier.encoder.name}, which has none. Leave it out."
        )
    for layer in found:
        layer.momentum = momentum
