"""The methods by name, as the literature sets them."""

from collections.abc import Callable
from dataclasses import dataclass

from atsc_keras.distillation.transfer_loss import TransferLoss
from atsc_keras.methods.hints import Attention
from atsc_keras.methods.hints import Hint
from atsc_keras.methods.hints import VariationalInformation
from atsc_keras.methods.logits import DecoupledSoftTargets
from atsc_keras.methods.logits import SoftmaxRegression
from atsc_keras.methods.relations import Contrastive
from atsc_keras.methods.relations import SimilarityPreserving
from atsc_keras.methods.review import Review
from atsc_keras.methods.semantic import SemanticCalibration


@dataclass(frozen=True)
class TrainingSet:
    """What some methods must know of the data.

    Attributes:
        images: in the training set.
        batch_size: of the batches.
    """

    images: int
    batch_size: int


@dataclass(frozen=True)
class PublishedMethod:
    """A method with the weights of its own or a later comparison.

    Attributes:
        transfer: makes its loss; None = the tempered KL alone.
        transfer_weight: of that loss.
        logits_loss_weight: of the tempered KL, temperature 4.
        warmup_share: of all epochs over which the weight rises.
    """

    transfer: Callable[[TrainingSet], TransferLoss] | None
    transfer_weight: float = 1.0
    logits_loss_weight: float = 0.0
    warmup_share: float = 0.0


_RISES = 20 / 240  # 20 epochs of the recipe for CIFAR-100

# Each class says where its numbers come from.
PUBLISHED_METHODS = {
    # Hinton et al. 2015; weight 1 beside the labels (CRD, SimKD).
    "kd": PublishedMethod(None, logits_loss_weight=1.0),
    "fitnet": PublishedMethod(lambda data: Hint(), 100.0),
    "at": PublishedMethod(lambda data: Attention(), 1000.0),
    "sp": PublishedMethod(lambda data: SimilarityPreserving(), 3000.0),
    "vid": PublishedMethod(lambda data: VariationalInformation(), 1.0),
    "crd": PublishedMethod(
        lambda data: Contrastive(images=data.images), transfer_weight=0.8
    ),
    "srrl": PublishedMethod(lambda data: SoftmaxRegression(), 1.0, 1.0),
    "semckd": PublishedMethod(
        lambda data: SemanticCalibration(data.batch_size), 400.0, 1.0
    ),
    "dkd": PublishedMethod(
        lambda data: DecoupledSoftTargets(), warmup_share=_RISES
    ),
    "reviewkd": PublishedMethod(lambda data: Review(), warmup_share=_RISES),
}
