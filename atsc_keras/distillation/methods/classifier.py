"""Teaching by the teacher's own classifier: SRRL."""

import keras
from keras import ops

from atsc_keras.distillation.fixed_weights import fixed
from atsc_keras.distillation.methods.transfer_loss import Outputs
from atsc_keras.distillation.methods.transfer_loss import TransferLoss
from atsc_keras.distillation.methods.transfer_loss import image_mean
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor


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
