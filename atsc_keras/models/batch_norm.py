"""How fast moving statistics follow those of the batches."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier


def set_batch_norm_momentum(
    classifier: ImageClassifier, momentum: float | None, most: float = 1.0
) -> None:
    """Set the momentum of a classifier's batch normalisation.

    Args:
        classifier: changed in place; before `compile`.
        momentum: share of the old statistics that a step keeps; None = each
            layer's own, but at most `most`.
        most: default 1.

    Raises:
        InputError: if there is no batch normalisation to set.
    """
    found = batch_norms([classifier.encoder])
    if momentum is not None and not found:
        raise InputError(
            "`batch_norm_momentum` needs a network with batch normalisation. "
            f"Received: batch_norm_momentum={momentum:g} with "
            f"{classifier.encoder.name}, which has none. Leave it out."
        )
    for layer in found:
        own = min(layer.momentum, most)
        layer.momentum = own if momentum is None else momentum


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


def keeping_up(
    model: keras.Model, most: float
) -> Callable[[], AbstractContextManager[None]]:
    """Hold the momentum of a model's batch normalisation down, for a while.

    Args:
        model: whose moving statistics are to follow sooner.
        most: momentum of a layer that has more.

    Returns:
        A function of no arguments that makes a context. Several may overlap,
        as those of replicas do, which wait for each other inside.
    """
    momenta = [(layer, layer.momentum) for layer in batch_norms([model])]

    @contextmanager
    def held() -> Iterator[None]:
        try:
            for layer, own in momenta:
                layer.momentum = min(own, most)
            yield
        finally:
            for layer, own in momenta:
                layer.momentum = own

    return held
