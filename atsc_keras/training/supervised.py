"""A classifier that is trained on labels alone."""

from typing import Any

import keras

from atsc_keras.backend import sole_replica
from atsc_keras.types import Tensor


class Supervised(keras.Model):
    """A classifier for as long as it is trained: what is compiled is this.

    The classifier keeps no optimizer, whose state is as large as itself.

    Args:
        classifier: trained in place: an `ImageClassifier` or what else turns
            images into logits.
        augmentation: layer in front of it that is active in training only;
            default: none.
        **kwargs: as for `keras.Model`.
    """

    def __init__(
        self,
        classifier: keras.Model,
        augmentation: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.classifier = classifier
        self.augmentation = augmentation
        self.built = True

    def call(self, images: Any, training: bool | None = None) -> Tensor:
        """Turn what the augmentation takes into logits `(B, classes)`."""
        if self.augmentation is not None:
            images = self.augmentation(images, training=bool(training))
        return self.classifier(images, training=training)

    def train_step(self, *received: Any) -> Any:
        """Do Keras's own step, of what the backend passes."""
        with sole_replica():
            return super().train_step(*received)
