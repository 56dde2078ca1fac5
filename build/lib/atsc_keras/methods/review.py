"""Teaching early maps by late ones: ReviewKD."""

import keras
from keras import ops

from atsc_keras.distillation.transfer_loss import Outputs, TransferLoss
from atsc_keras.methods.maps import image_mean, paired_maps
from atsc_keras.models.building_blocks import batch_norm, conv
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.projector import average_pool
from atsc_keras.types import Tensor

_WIDEST = 512  # channels of what one stage hands to the next
_CONTEXTS = (4, 2, 1)  # heights at which maps are compared as well


def hierarchical_context(first: Tensor, second: Tensor) -> Tensor:
    """Average squared differences at four sizes, smaller ones counting less.

    Args:
        first: `(B, h, w, C)`.
        second: of the same shape.

    Returns:
        float32 `(B,)`.
    """
    loss = image_mean(ops.square(first - second))
    share, total = 1.0, 1.0
    for size in _CONTEXTS:
        if size >= first.shape[1]:
            continue
        share /= 2.0
        total += share
        pooled = [average_pool(x, (size, size)) for x in (first, second)]
        loss = loss + share * image_mean(ops.square(pooled[0] - pooled[1]))
    return loss / total


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(x.shape[1:3]) == tuple(size):
        return x
    return ops.image.resize(x, size, interpolation="nearest")


@keras.saving.register_keras_serializable(package="atsc_keras")
class Review(TransferLoss):
    """ReviewKD: each map of the teacher teaches all later ones' fusion.

    From the last map on, the student's maps are fused with what came from
    deeper ones by learnt attention, and compared with the teacher's map of
    that resolution. Pooled features count as the last map.

    Reference:
        Chen et al. 2021, "Distilling knowledge via knowledge review",
        section 3.3; literature: weight 1 to 8 by pair (5 for ResNet32x4 ->
        ResNet8x4), raised linearly over the first 20 epochs (CIFAR-100).
    """

    def prepare(
        self, teacher: Outputs, student: Outputs, classifier: ImageClassifier
    ) -> None:
        pairs = _from_deep_to_shallow(teacher, student)
        width = min(_WIDEST, max(x.shape[-1] for _, x in pairs))
        self.entries, self.exits, self.attentions = [], [], []
        for index, (of_teacher, of_student) in enumerate(pairs):
            name = f"level{index}"
            self.entries.append(
                _conv_bn(of_student.shape[-1], width, 1, f"{name}_entry")
            )
            self.exits.append(
                _conv_bn(width, of_teacher.shape[-1], 3, f"{name}_exit")
            )
            self.attentions.append(
                _attention(width, f"{name}_attention") if index else None
            )
        self.built = True

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        loss, deeper = 0.0, None
        pairs = _from_deep_to_shallow(teacher, student)
        for (of_teacher, of_student), entry, leave, attention in zip(
            pairs, self.entries, self.exits, self.attentions, strict=True
        ):
            x = entry(of_student, training=True)
            if attention is not None:
                deeper = _resize(deeper, x.shape[1:3])
                shares = attention(ops.concatenate([x, deeper], axis=-1))
                x = x * shares[..., :1] + deeper * shares[..., 1:]
            deeper = x
            x = _resize(leave(x, training=True), of_teacher.shape[1:3])
            loss = loss + hierarchical_context(x, of_teacher)
        return loss


def _from_deep_to_shallow(
    teacher: Outputs, student: Outputs
) -> list[tuple[Tensor, Tensor]]:
    pooled = [x.embedding[:, None, None, :] for x in (teacher, student)]
    pairs = paired_maps(teacher, student)
    return [(pooled[0], pooled[1]), *reversed(pairs)]


def _conv_bn(inner: int, filters: int, size: int, name: str) -> keras.Model:
    features = keras.Input((None, None, inner))
    x = conv(features, filters, size, "conv")
    return keras.Model(features, batch_norm("bn")(x), name=name)


def _attention(width: int, name: str) -> keras.Model:
    both = keras.Input((None, None, 2 * width))
    shares = keras.layers.Conv2D(2, 1, activation="sigmoid")(both)
    return keras.Model(both, shares, name=name)
