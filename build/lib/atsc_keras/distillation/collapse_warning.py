"""The alarm for a teacher that gives up what it knows to please the student."""

import warnings
from typing import Any

import keras

# Under half its power before training, a feature map has left the range that
# the classifier was trained on.
LOWEST_FEATURE_POWER = 0.5
# The classifier follows the features: at half of what it once got right, they
# no longer tell the classes apart, whatever their size.
LOWEST_ACCURACY = 0.5
_REMEDY = (
    "Use `l2sp_scope='all'`, a larger `l2sp_weight`, or a `teacher_optimizer` "
    "with a smaller learning rate."
)


class CollapseWarning(keras.callbacks.Callback):
    """Warns once when the teachers' features shrink or forget the classes.

    That is: when `teacher_feature_power` falls under 0.5, or
    `teacher_accuracy` under half of its best epoch's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.warned = False
        self._best = 0.0

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self.warned or not logs:
            return
        power = logs["teacher_feature_power"]
        accuracy = logs["teacher_accuracy"]
        self._best = max(self._best, accuracy)
        if power < LOWEST_FEATURE_POWER:
            self._warn(
                "The teacher's features are shrinking: their mean square is "
                f"{power:.2f} of what it was before training (epoch "
                f"{epoch + 1}). Distillation then teaches the student small "
                "features."
            )
        elif accuracy < LOWEST_ACCURACY * self._best:
            self._warn(
                "The teacher is forgetting its classes: it gets "
                f"{100 * accuracy:.0f} % right in epoch {epoch + 1} and had "
                f"{100 * self._best:.0f} %. Distillation then teaches the "
                "student features that say little."
            )

    def _warn(self, finding: str) -> None:
        self.warned = True
        warnings.warn(f"{finding} {_REMEDY}", stacklevel=3)
