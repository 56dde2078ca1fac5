"""What every method of a fixed teacher is made of."""

import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import Self

import keras

from atsc_keras.errors import InputError, first_line
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor


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


@dataclass(frozen=True)
class TrainingSet:
    """What some methods must know of the data.

    Attributes:
        images: in the training set.
        batch_size: of the batches.
    """

    images: int
    batch_size: int


class TransferLoss(keras.layers.Layer):
    """One way in which a fixed teacher teaches, beside the labels.

    A subclass says in `compute_loss` what it compares; layers that learn
    with the student are made in `prepare`. Both networks are trained
    elsewhere: `KnowledgeDistillation` does.
    """

    @classmethod
    def for_training_set(cls, training_set: TrainingSet) -> Self:
        """Make it for a training set; as it is: without arguments.

        Raises:
            InputError: if the class wants some.
        """
        try:
            inspect.signature(cls).bind()
        except TypeError as error:
            raise InputError(
                "A transfer loss that is named must be made without "
                f"arguments. Received: {cls.__name__}, {error}. Give them "
                "defaults, or override `for_training_set`."
            ) from error
        return cls()

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


def load_transfer_loss(name: str) -> type[TransferLoss]:
    """Import a transfer loss.

    Args:
        name: `module:Class`.

    Raises:
        InputError: if the module does not import, has no such class, or it
            is no `TransferLoss`.
    """
    module_name, _, class_name = name.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:
        raise InputError(
            "The module of a method must import. Received: "
            f"{name} ({type(error).__name__}: {first_line(error)}). Correct "
            "it, or put its folder on PYTHONPATH."
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        raise InputError(
            "A method must name a class of its module. Received: "
            f"{name}, but {module_name} has no {class_name}. Check the name."
        )
    if not (isinstance(found, type) and issubclass(found, TransferLoss)):
        raise InputError(
            "A method must be a transfer loss. Received: "
            f"{name}, which is none. Derive it from atsc_keras.TransferLoss."
        )
    return found
