"""The alarm for a teacher that shrinks its features to please the student."""

import warnings
from typing import Any

import keras
from keras import ops

from atsc_keras.types import Tensor

# Under half its power before training, a feature map has left the range that
# the classifier was trained on.
LOWEST_FEATURE_POWER = 0.5
_TINY = 1e-12  # features of zeros have no ratio


class FeaturePower(keras.layers.Layer):
    """Mean square of the teachers' features over its first value.

    The first values are weights: a run that is continued still compares with
    its beginning.

    Args:
        teachers: how many.
    """

    def __init__(self, teachers: int) -> None:
        super().__init__(dtype="float32", name="feature_power")
        self.first = self.add_weight(
            shape=(teachers,),
            initializer="zeros",  # 0: not measured yet
            trainable=False,
            aggregation="mean",
            name="first",
        )
        self.built = True

    def reset(self) -> None:
        """Take the next features for the first ones."""
        self.first.assign(ops.zeros_like(self.first.value))

    def call(self, features: list[Tensor]) -> list[Tensor]:
        """The ratio of each teacher.

        Args:
            features: of each teacher, `(B, h, w, C)` or `(B, C)`.
        """
        power = ops.stack(
            [ops.mean(ops.square(ops.stop_gradient(x))) for x in features]
        )
        first = self.first.value
        self.first.assign(ops.where(first > 0, first, power))
        return ops.unstack(power / ops.maximum(self.first.value, _TINY))


class FeaturePowerWarning(keras.callbacks.Callback):
    """Warns once when `teacher_feature_power` falls under a limit.

    Args:
        limit: of the power relative to its value before training; default
            0.5.
    """

    def __init__(self, limit: float = LOWEST_FEATURE_POWER) -> None:
        super().__init__()
        self.limit = limit
        self.warned = False

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        power = (logs or {}).get("teacher_feature_power")
        if self.warned or power is None or power >= self.limit:
            return
        self.warned = True
        warnings.warn(
            "The teacher's features are shrinking: their mean square is "
            f"{power:.2f} of what it was before training (epoch {epoch + 1}). "
            "Distillation then teaches the student small features. Use "
            "`l2sp_scope='all'`, a larger `l2sp_weight`, or a "
            "`teacher_optimizer` with a smaller learning rate.",
            stacklevel=2,
        )
