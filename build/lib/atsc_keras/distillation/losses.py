"""The method's losses: feature alignment, L2-SP and the tempered KL."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from atsc_keras.distillation.fixed_weights import fixed
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.projector import average_pool
from atsc_keras.types import Tensor

_TINY = 1e-12  # features of a constant have no variance


def loss_dtype(*tensors: Tensor) -> str:
    """Tell what losses on these are computed in: float32, or float64 if one is.

    Args:
        tensors: tensors or variables.
    """
    types = [keras.backend.standardize_dtype(x.dtype) for x in tensors]
    return "float64" if "float64" in types else "float32"


def widened(*tensors: Tensor) -> list[Tensor]:
    """Cast tensors or arrays to the type that `loss_dtype` tells of them."""
    held = [ops.convert_to_tensor(x) for x in tensors]
    return [ops.cast(x, loss_dtype(*held)) for x in held]


def weighted_mean(
    values: Tensor, sample_weight: Tensor | None = None
) -> Tensor:
    """Average `values`, `(B,)`, over the batch, each times its weight.

    Divided by the batch size, not by the sum of the weights, as Keras's own
    losses do.
    """
    if sample_weight is not None:
        weight = ops.cast(sample_weight, values.dtype)
        values = values * ops.reshape(weight, (-1,))
    return ops.mean(values)


def feature_variance(
    features: Tensor, sample_weight: Tensor | None = None
) -> Tensor:
    """Measure how features differ from image to image and place to place.

    Args:
        features: `(B, h, w, C)` or `(B, C)`.
        sample_weight: `(B,)`; default: 1 for every image.

    Returns:
        A scalar: the variance of each channel, averaged over the channels.
    """
    axes = tuple(range(len(features.shape) - 1))
    if sample_weight is None:
        return ops.mean(ops.var(features, axis=axes))
    weight = ops.cast(sample_weight, features.dtype)
    share = weight / ops.maximum(ops.mean(weight), _TINY)
    share = ops.reshape(share, (-1, *[1] * len(axes)))
    mean = ops.mean(share * features, axis=axes, keepdims=True)
    return ops.mean(share * ops.square(features - mean))


def matched_maps(teacher: Tensor, student: Tensor) -> tuple[Tensor, Tensor]:
    """Average-pool the larger of two maps to the smaller.

    Args:
        teacher: `(B, h, w, C)`, or `(B, C)`, which stays as it is.
        student: `(B, h', w', C)`, or `(B, C)`.

    Returns:
        Both, of one shape.
    """
    if len(teacher.shape) == 4:
        student = average_pool(student, teacher.shape[1:3])
        teacher = average_pool(teacher, student.shape[1:3])
    return teacher, student


def align_rank(
    teacher: ImageClassifier, features: Tensor, projected: Tensor
) -> Tensor:
    """Pool the teacher's map where the student can only give a vector.

    Args:
        teacher: whose features they are.
        features: `(B, h, w, C)` or `(B, C)`.
        projected: the student's, likewise.

    Returns:
        The teacher's, of the rank of the student's.
    """
    if len(features.shape) == len(projected.shape):
        return features
    with fixed(teacher.pooler.variables):
        return teacher.pool(features, training=False)


@keras.saving.register_keras_serializable(package="atsc_keras")
class FeatureAlignment(keras.distillation.DistillationLoss):
    """Mean squared difference between two feature maps, or two vectors.

    The larger map is average-pooled to the smaller one first.

    Args:
        normalized: whether to divide by the variance of the teacher's
            features in the batch (TensorFlow: in that of each replica);
            default: no. The loss is then the same whatever their scale, and
            a teacher that learns cannot lower it by features that are small
            or equal for all images.

    Example:
    ```python
    loss = FeatureAlignment().compute_loss(teacher_map, student_map)
    ```

    Reference:
        ATSC (arXiv 2406.08528), the feature loss; SimKD, equation 2.
    """

    def __init__(self, normalized: bool = False) -> None:
        self.normalized = normalized

    def compute_loss(
        self,
        teacher_outputs: Tensor,
        student_outputs: Tensor,
        sample_weight: Tensor | None = None,
        **kwargs: object,
    ) -> Tensor:
        """Compare the teacher's features with the projected student's.

        Args:
            teacher_outputs: `(B, h, w, C)` or `(B, C)`.
            student_outputs: `(B, h', w', C)` or `(B, C)`.
            sample_weight: `(B,)`; default: 1 for every image.
            **kwargs: ignored; Keras may pass its own.

        Returns:
            A scalar, float32 or as wide as the features: the mean over all
            elements of the squared difference, over the variance if
            `normalized`.
        """
        teacher, student = matched_maps(
            *widened(teacher_outputs, student_outputs)
        )
        squared = ops.square(student - teacher)
        axes = tuple(range(1, len(squared.shape)))
        loss = weighted_mean(ops.mean(squared, axis=axes), sample_weight)
        if self.normalized:
            variance = feature_variance(teacher, sample_weight)
            loss = loss / ops.maximum(variance, _TINY)
        return loss

    def get_config(self) -> dict[str, object]:
        return {"normalized": self.normalized}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FeatureAlignment":
        return cls(**config)


def l2sp(
    weights: Sequence[keras.Variable], starting_point: Sequence[keras.Variable]
) -> Tensor:
    """Sum the squared distances of `weights` to their starting point.

    Args:
        weights: the weights as they are now.
        starting_point: for each, its value before training.

    Returns:
        A scalar, float32 or as wide as the weights; 0 without weights.

    Reference:
        Li et al. 2018, "Explicit inductive bias for transfer learning",
        equation 2, without its factor 1/2, as ATSC uses it.
    """
    dtype = loss_dtype(*weights)
    total = ops.zeros((), dtype=dtype)
    for weight, start in zip(weights, starting_point, strict=True):
        difference = ops.cast(weight.value, dtype) - start.value
        total = total + ops.sum(ops.square(difference))
    return total


def tempered_kl(
    teacher_logits: Tensor, student_logits: Tensor, temperature: float
) -> Tensor:
    """Compare softened predictions by Kullback-Leibler divergence, per image.

    Args:
        teacher_logits: `(B, classes)`.
        student_logits: `(B, classes)`.
        temperature: divides both logits; the result is multiplied by its
            square, so that gradients keep their size.

    Returns:
        `(B,)`, float32 or as wide as the logits.

    Reference:
        Hinton et al. 2015, "Distilling the knowledge in a neural network",
        section 2.
    """
    teacher, student = widened(teacher_logits, student_logits)
    log_teacher = ops.log_softmax(teacher / temperature, axis=-1)
    log_student = ops.log_softmax(student / temperature, axis=-1)
    terms = ops.exp(log_teacher) * (log_teacher - log_student)
    return temperature**2 * ops.sum(terms, axis=-1)


def class_indices(labels: Tensor, classes: int) -> Tensor:
    """Read int32 `(B,)` from indices `(B,)` or `(B, 1)`, or rows of shares.

    Args:
        labels: class indices, or one-hot or soft `(B, classes)`.
        classes: how many there are.
    """
    if len(labels.shape) == 2 and labels.shape[-1] == classes:
        labels = ops.argmax(labels, axis=-1)
    return ops.cast(ops.reshape(labels, (-1,)), "int32")


def accuracy(labels: Tensor, logits: Tensor) -> Tensor:
    """Measure the share of right answers.

    Args:
        labels: class indices `(B,)` or `(B, 1)`, or one-hot `(B, classes)`.
        logits: `(B, classes)`.

    Returns:
        A float32 scalar.
    """
    answers = ops.cast(ops.argmax(logits, axis=-1), "int32")
    right = ops.equal(answers, class_indices(labels, logits.shape[-1]))
    return ops.mean(ops.cast(right, "float32"))
