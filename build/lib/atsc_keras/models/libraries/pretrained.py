"""What a library's weights make."""

from dataclasses import dataclass

from atsc_keras.models.image_classifier import ImageClassifier


@dataclass(frozen=True)
class Pretrained:
    """A classifier with weights of a library.

    Attributes:
        classifier: it.
        knows_classes: whether its head came with the weights; else it is new.
    """

    classifier: ImageClassifier
    knows_classes: bool
