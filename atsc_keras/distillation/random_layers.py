"""Layers that show one network another picture than the others see."""

import warnings
from collections.abc import Iterator
from typing import Any

import keras

from atsc_keras.models.graphs import is_kernel, leaf_layers

_AUGMENTING = {
    *("RandAugment", "AugMix", "CutMix", "MixUp"),
    # Of KerasCV, whose layers have names of their own.
    *("BaseImageAugmentationLayer", "VectorizedBaseImageAugmentationLayer"),
}
# In front of the first kernel their noise is the picture's.
_NOISE = (
    keras.layers.GaussianNoise,
    keras.layers.GaussianDropout,
    keras.layers.Dropout,
)


def random_layers(encoder: keras.Model) -> Iterator[Any]:
    """List what changes pictures at random while a network trains.

    Layers of augmentation wherever they are, noise and dropout only of the
    picture itself: further in, they are the network's own regularisation.

    Args:
        encoder: nested models and pipelines are looked into.
    """
    is_picture = True
    for layer in leaf_layers(encoder):
        names = {base.__name__ for base in type(layer).__mro__}
        if any(name.startswith("Random") for name in names):
            yield layer
        elif names & _AUGMENTING or (is_picture and isinstance(layer, _NOISE)):
            yield layer
        is_picture = is_picture and not any(map(is_kernel, layer.weights))


def warn_of_random_layers(trainer: Any) -> None:
    """Warn where a network would see another picture than the others.

    Args:
        trainer: whose student and adapting teachers run in training mode; a
            frozen front does not.
    """
    augmentation = trainer.augmentation
    learning = set(map(id, trainer.trainable_variables))
    encoders = {"student": trainer.student.encoder}
    for number, teacher in enumerate(trainer.teachers, start=1):
        kernels = [w for w in teacher.encoder.weights if is_kernel(w)]
        if learning.issuperset(map(id, kernels)):
            encoders[f"teacher ({number})"] = teacher.encoder
    for name, encoder in encoders.items():
        found = [
            f"{x.name} ({type(x).__name__})" for x in random_layers(encoder)
        ]
        if not found:
            continue
        place = (
            "put them into the trainer's `augmentation`, in a "
            "keras.layers.Pipeline with what it has"
            if augmentation is not None
            else "give them to the trainer as `augmentation`"
        )
        warnings.warn(
            "Teacher and student must see the same pictures. Received: a "
            f"{name} that changes its own at random: {', '.join(found)}. Build "
            f"it without these layers, and {place}: it is applied once for "
            "all networks (in a config `data.augmentations`).",
            stacklevel=4,
        )
