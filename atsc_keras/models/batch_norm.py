"""How fast moving statistics follow those of the batches."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import keras

from atsc_keras.errors import InputError
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
    found = batch_norms([classifier.encoder])
    if not found:
        raise InputError(
            "`batch_norm_momentum` needs a network with batch normalisation. "
            f"Received: batch_norm_momentum={momentum:g} with "
            f"{classifier.encoder.name}, which has none. Leave it out."
        )
    for layer in found:
        layer.momentum = momentum


def batch_norms(
    models: Iterable[keras.Model],
) -> list[keras.layers.BatchNormalization]:
    """List the layers of batch normalisation, at any depth."""
    return [
        layer
        for model in models
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


@contextmanager
def slower_statistics(
    norms: Sequence[keras.layers.BatchNormalization], share: float
) -> Iterator[None]:
    """Let moving statistics follow more slowly, while it lasts.

    Args:
        norms: whose statistics are meant.
        share: part of the step that their momentum says, from 0 (they stay)
            to 1 (as that says).
    """
    before = [layer.momentum for layer in norms]
    try:
        for layer, momentum in zip(norms, before, strict=True):
            layer.momentum = 1 - share * (1 - momentum)
        yield
    finally:
        for layer, momentum in zip(norms, before, strict=True):
            layer.momentum = momentum
