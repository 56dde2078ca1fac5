"""The alarm for a teacher that shrinks its features to please the student."""

import warnings
from typing import Any

import keras

# Under half its power before training, a feature map has left the range that
# the classifier was trained on.
LOWEST_FEATURE_POWER = 0.5


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
