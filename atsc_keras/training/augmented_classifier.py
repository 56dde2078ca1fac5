"""A classifier that augments its training batches itself."""

from typing import Any

import keras

from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor


class AugmentedClassifier(keras.Model):
    """A classifier behind an augmentation, for as long as it is trained.

    Args:
        classifier: trained in place.
        augmentation: layer that is active in training only.
        **kwargs: as for `keras.Model`.
    """

    def __init__(
        self,
        classifier: ImageClassifier,
        augmentation: keras.layers.Layer,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.classifier = classifier
        self.augmentation = augmentation
        self.built = True

    def call(self, images: Any, training: bool | None = None) -> Tensor:
        """Logits `(B, classes)` of what the augmentation takes."""
        images = self.augmentation(images, training=bool(training))
        return self.classifier(images, training=training)
