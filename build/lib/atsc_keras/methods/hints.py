"""Teaching by maps, position by position: FitNet, AT and VID."""

import math

import keras
from keras import ops

from atsc_keras.distillation.losses import widened
from atsc_keras.distillation.transfer_loss import Outputs, TransferLoss
from atsc_keras.methods.maps import (
    image_mean,
    paired_maps,
    same_size,
    unit_rows,
)
from atsc_keras.models.building_blocks import batch_norm, conv, relu
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor


@keras.saving.register_keras_serializable(package="atsc_keras")
class Hint(TransferLoss):
    """FitNet: the mean squared difference of one inner map.

    The map before the last resolution; the last where there is one only. As
    `keras.distillation.FeatureDistillation(loss="mse")` of a regressor's
    output, but for each image.

    Reference:
        Romero et al. 2015, "FitNets", equation 3; literature: weight 100, in
        one stage with the labels (CRD). Departure: maps of two sizes are
        pooled to the smaller one, not regressed by strided convolutions.
    """

    def prepare(
        self, teacher: Outputs, student: Outputs, classifier: ImageClassifier
    ) -> None:
        maps = paired_maps(teacher, student)
        self.place = -2 if len(maps) > 1 else -1
        of_teacher, of_student = maps[self.place]
        self.regressor = _regressor(of_student.shape[-1], of_teacher.shape[-1])
        self.built = True

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        of_teacher, of_student = paired_maps(teacher, student)[self.place]
        of_teacher, of_student = same_size(of_teacher, of_student)
        regressed = self.regressor(of_student, training=True)
        return image_mean(ops.square(regressed - of_teacher))


def _regressor(inner: int, channels: int) -> keras.Model:
    """Build a 1x1 convolution with batch normalisation and ReLU."""
    features = x = keras.Input((None, None, inner))
    x = conv(x, channels, 1, "conv")
    x = batch_norm("bn")(x)
    return keras.Model(features, relu(x, "relu"), name="regressor")


def attention_map(x: Tensor) -> Tensor:
    """Show where a map is active, `(B, h * w)`, of length 1."""
    power = ops.mean(ops.square(*widened(x)), axis=-1)
    return unit_rows(ops.reshape(power, (-1, math.prod(x.shape[1:3]))))


@keras.saving.register_keras_serializable(package="atsc_keras")
class Attention(TransferLoss):
    """AT: the mean squared difference of attention maps, over resolutions.

    Reference:
        Zagoruyko and Komodakis 2017, "Paying more attention to attention",
        section 3.1 (activation-based, squares summed); literature: weight
        1000 with means over positions (CRD).
    """

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        loss = 0.0
        for of_teacher, of_student in paired_maps(teacher, student):
            first, second = same_size(of_teacher, of_student)
            difference = attention_map(first) - attention_map(second)
            loss = loss + image_mean(ops.square(difference))
        return loss


_FIRST_VARIANCE = 5.0
_LEAST_VARIANCE = 1e-5


@keras.saving.register_keras_serializable(package="atsc_keras")
class VariationalInformation(TransferLoss):
    """VID: a Gaussian likelihood of the teacher's maps, over resolutions.

    The mean comes from the student's map through three 1x1 convolutions; the
    variance of each channel is learnt.

    Reference:
        Ahn et al. 2019, "Variational information distillation", equations 3
        and 5; literature: weight 1 (CRD).
    """

    def prepare(
        self, teacher: Outputs, student: Outputs, classifier: ImageClassifier
    ) -> None:
        self.means = []
        self.scales = []
        # softplus(scale) + least = first variance
        first = math.log(math.expm1(_FIRST_VARIANCE - _LEAST_VARIANCE))
        pairs = paired_maps(teacher, student)
        for index, (of_teacher, of_student) in enumerate(pairs, start=1):
            channels = of_teacher.shape[-1]
            self.means.append(
                _three_convolutions(of_student.shape[-1], channels, index)
            )
            self.scales.append(
                self.add_weight(
                    shape=(channels,),
                    initializer=keras.initializers.Constant(first),
                    name=f"scale_{index}",
                )
            )
        self.built = True

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        loss = 0.0
        pairs = paired_maps(teacher, student)
        for (of_teacher, of_student), mean, scale in zip(
            pairs, self.means, self.scales, strict=True
        ):
            target, source = same_size(of_teacher, of_student)
            variance = ops.softplus(scale.value) + _LEAST_VARIANCE
            squared = ops.square(mean(source, training=True) - target)
            loss = loss + 0.5 * image_mean(
                squared / variance + ops.log(variance)
            )
        return loss


def _three_convolutions(inner: int, channels: int, index: int) -> keras.Model:
    features = x = keras.Input((None, None, inner))
    x = relu(conv(x, channels, 1, "conv1"), "relu1")
    x = relu(conv(x, channels, 1, "conv2"), "relu2")
    x = conv(x, channels, 1, "conv3")
    return keras.Model(features, x, name=f"mean_{index}")
