"""Teaching by how images relate to each other: SP and CRD."""

import math
from typing import Any

import keras
from keras import ops

from atsc_keras.distillation.losses import widened
from atsc_keras.distillation.transfer_loss import (
    Outputs,
    TrainingSet,
    TransferLoss,
)
from atsc_keras.methods.maps import unit_rows
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor


def similarities(x: Tensor) -> Tensor:
    """Multiply a batch's images by each other: `(B, B)`, rows of length 1."""
    flat = ops.reshape(*widened(x), (-1, math.prod(x.shape[1:])))
    return unit_rows(ops.matmul(flat, ops.transpose(flat)))


@keras.saving.register_keras_serializable(package="atsc_keras")
class SimilarityPreserving(TransferLoss):
    """SP: the squared difference of similarity matrices of the last maps.

    Reference:
        Tung and Mori 2019, "Similarity-preserving knowledge distillation",
        equation 4; literature: weight 3000.
    """

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        last = [
            similarities(x.maps[-1] if x.maps else x.embedding)
            for x in (teacher, student)
        ]
        return ops.mean(ops.square(last[0] - last[1]), axis=-1)


@keras.saving.register_keras_serializable(package="atsc_keras")
class Contrastive(TransferLoss):
    """CRD: tell the teacher's view of the same image from others' views.

    Embeddings of both networks go through a linear layer to the unit sphere;
    each is compared with the other network's embedding of its image and with
    the newest ones of images of other classes.

    Args:
        dimensions: of the sphere; default 128.
        temperature: default 0.07.
        memory: how many embeddings of each network are kept; default 4096.
        images: in the training set, M of the paper; default 50000.
        **kwargs: as for `keras.layers.Layer`.

    Reference:
        Tian et al. 2020, "Contrastive representation distillation", equations
        10, 18 and 19; literature: weight 0.8, 16384 negatives. Departure: the
        newest embeddings, in a queue, in place of a running mean for each
        image of the data set, which would need to know every image's index.
    """

    def __init__(
        self,
        dimensions: int = 128,
        temperature: float = 0.07,
        memory: int = 4096,
        images: int = 50_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dimensions = dimensions
        self.temperature = temperature
        self.memory = memory
        self.images = images

    @classmethod
    def for_training_set(cls, training_set: TrainingSet) -> "Contrastive":
        return cls(images=training_set.images)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dimensions": self.dimensions,
            "temperature": self.temperature,
            "memory": self.memory,
            "images": self.images,
        }

    def prepare(
        self, teacher: Outputs, student: Outputs, classifier: ImageClassifier
    ) -> None:
        self.embeddings = [
            keras.Sequential(
                [
                    keras.Input(outputs.embedding.shape[1:]),
                    keras.layers.Dense(self.dimensions),
                ],
                name=f"{role}_embedding",
            )
            for role, outputs in (("teacher", teacher), ("student", student))
        ]
        self.queues = [
            self._add_queue(f"{role}_queue", (self.memory, self.dimensions))
            for role in ("teacher", "student")
        ]
        # Classes count from 1 here: 0 is a place not filled yet.
        self.queued_classes = self._add_queue("classes", (self.memory,))
        self.built = True

    def _add_queue(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        return self.add_weight(
            shape=shape,
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name=name,
        )

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        own = [
            unit_rows(embed(x.embedding))
            for embed, x in zip(
                self.embeddings, (teacher, student), strict=True
            )
        ]
        classes = ops.cast(labels, self.queued_classes.dtype) + 1.0
        queued = self.queued_classes.value
        # torch assigns in place, and needs what was read for the gradient.
        queues = [ops.copy(queue.value) for queue in self.queues]
        negative = ops.cast(
            (queued[None, :] != classes[:, None]) & (queued[None, :] > 0),
            queued.dtype,
        )
        same = ops.sum(own[0] * own[1], axis=-1)
        loss = sum(
            self._contrast(same, ops.matmul(x, ops.transpose(queue)), negative)
            for x, queue in zip(own, (queues[1], queues[0]), strict=True)
        )
        for queue, new in (
            (self.queues[0], own[0]),
            (self.queues[1], own[1]),
            (self.queued_classes, classes),
        ):
            kept = ops.concatenate([ops.stop_gradient(new), queue.value])
            queue.assign(ops.reshape(kept[: self.memory], queue.shape))
        return loss

    def _contrast(
        self, same: Tensor, others: Tensor, negative: Tensor
    ) -> Tensor:
        """Take the negative log-likelihood of which pair is one image's."""
        # log h and log(1 - h) of h = e / (e + N / M), e = exp(x / temperature)
        count = ops.maximum(ops.sum(negative, axis=-1), 1.0)
        odds = ops.log(count / self.images)
        positive = ops.log_sigmoid(same / self.temperature - odds)
        rest = ops.log_sigmoid(odds[:, None] - others / self.temperature)
        return -positive - ops.sum(negative * rest, axis=-1)
