"""Teaching by logits: DKD. (KD is the trainer's own tempered KL.)"""

import keras
from keras import ops

from atsc_keras.distillation.losses import tempered_kl
from atsc_keras.distillation.methods.transfer_loss import Outputs
from atsc_keras.distillation.methods.transfer_loss import TransferLoss
from atsc_keras.types import Tensor

_TEMPERATURE = 4.0  # of the comparisons that the literature makes
# Takes the target out of a softmax; larger than any logit over temperature.
_FAR = 1000.0


class DecoupledSoftTargets(TransferLoss):
    """DKD: target and other classes apart.

    Args:
        target_weight: of the target against the rest, alpha; default 1.
        others_weight: of the other classes among themselves, beta; default 8.
        temperature: default 4.

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
    ) -> None:
        super().__init__()
        self.target_weight = target_weight
        self.others_weight = others_weight
        self.temperature = temperature

    def compute_loss(
        self, teacher: Outputs, student: Outputs, labels: Tensor
    ) -> Tensor:
        target = ops.one_hot(labels, teacher.logits.shape[-1])
        binary = [
            self._target_against_rest(x.logits, target)
            for x in (teacher, student)
        ]
        others = [
            ops.cast(x.logits, "float32") / self.temperature - _FAR * target
            for x in (teacher, student)
        ]
        of_target = ops.sum(binary[0] * ops.log(binary[0] / binary[1]), axis=-1)
        # The softmax is taken already: no temperature is left.
        of_others = tempered_kl(others[0], others[1], 1.0)
        return self.temperature**2 * (
            self.target_weight * of_target + self.others_weight * of_others
        )

    def _target_against_rest(self, logits: Tensor, target: Tensor) -> Tensor:
        logits = ops.cast(logits, "float32") / self.temperature
        share = ops.softmax(logits, axis=-1)
        of_target = ops.sum(share * target, axis=-1)
        both = ops.stack([of_target, 1.0 - of_target], axis=-1)
        return ops.maximum(both, keras.config.epsilon())
