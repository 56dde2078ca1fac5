"""Teaching by logits: DKD and SRRL; KD is the trainer's own KL."""

from typing import Any

import keras
from keras import ops

from atsc_keras.distillation.fixed_weights import fixed
from atsc_keras.distillation.losses import tempered_kl, widened
from atsc_keras.distillation.transfer_loss import Outputs, TransferLoss
from atsc_keras.methods.maps import image_mean
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor

_TEMPERATURE = 4.0  # of the comparisons that the literature makes
# Takes the target out of a softmax; larger than any logit over temperature.
_FAR = 1000.0


@keras.saving.register_keras_serializable(package="atsc_keras")
class DecoupledSoftTargets(TransferLoss):
    """DKD: target and other classes apart.

    Args:
        target_weight: of the target against the rest, alpha; default 1.
        others_weight: of the other classes among themselves, beta; default 8.
        temperature: default 4.
        **kwargs: as for `keras.layers.Layer`.

    Reference:
        Zhao et al. 2022, "Decoupled knowledge distillation", equation 7;
        literature: alpha 1, beta 8, temperature 4, the weight raised linearly
        over the first 20 epochs (CIFAR-100).
    """

    def __init__(
        self,
        target_weight: float = 1.0,
        others_weight: float = 8.0,
        temperature: float = _TEMPERATURE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_weight = target_weight
        self.others_weight = others_weight
        self.temperature = temperature

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "target_weight": self.target_weight,
            "others_weight": self.others_weight,
            "temperature": self.temperature,
        }

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        each = [
            logits / self.temperature
            for logits in widened(teacher.logits, student.logits)
        ]
        classes = teacher.logits.shape[-1]
        target = ops.one_hot(labels, classes, dtype=each[0].dtype)
        binary = [_target_against_rest(logits, target) for logits in each]
        others = [logits - _FAR * target for logits in each]
        of_target = ops.sum(binary[0] * ops.log(binary[0] / binary[1]), axis=-1)
        # The softmax is taken already: no temperature is left.
        of_others = tempered_kl(others[0], others[1], 1.0)
        return self.temperature**2 * (
            self.target_weight * of_target + self.others_weight * of_others
        )


def _target_against_rest(logits: Tensor, target: Tensor) -> Tensor:
    """Find the shares of the target and of the rest, `(B, 2)`."""
    share = ops.softmax(logits, axis=-1)
    of_target = ops.sum(share * target, axis=-1)
    both = ops.stack([of_target, 1.0 - of_target], axis=-1)
    return ops.maximum(both, keras.config.epsilon())


@keras.saving.register_keras_serializable(package="atsc_keras")
class SoftmaxRegression(TransferLoss):
    """SRRL: the student's embedding must mean the same to the teacher.

    A linear layer with batch normalisation and ReLU leads the embedding to
    the teacher's; compared are embeddings, and the logits that the teacher's
    classifier gives for both.

    Reference:
        Yang et al. 2021, "Knowledge distillation via softmax regression
        representation learning", equations 3 and 7; literature: weight 1 for
        both, beside KD (SimKD). Departure: the connector works on pooled
        features, not on maps that are pooled afterwards.
    """

    def prepare(
        self, teacher: Outputs, student: Outputs, classifier: ImageClassifier
    ) -> None:
        width = teacher.embedding.shape[-1]
        self.connector = keras.Sequential(
            [
                keras.Input(student.embedding.shape[1:]),
                keras.layers.Dense(width, use_bias=False),
                keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
                keras.layers.ReLU(),
            ],
            name="connector",
        )
        # In a function, past Keras's tracking: it belongs to the teacher.
        self._classify = lambda x: _classify(classifier.classifier, x)
        self.built = True

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        connected = self.connector(student.embedding, training=True)
        features = image_mean(ops.square(connected - teacher.embedding))
        logits = self._classify(connected)
        return features + image_mean(ops.square(logits - teacher.logits))


def _classify(dense: keras.layers.Dense, x: Tensor) -> Tensor:
    with fixed(dense.variables):
        return dense(x)
