"""How large the teachers' features are, beside what they were."""

import keras
from keras import ops

from atsc_keras.types import Tensor

_TINY = 1e-12  # features of zeros have no ratio


class FeaturePower(keras.layers.Layer):
    """Mean square of the teachers' features over its first value.

    The first values are weights: a run that is continued still compares with
    its beginning.

    Args:
        teachers: how many.
        dtype: of the first values.
    """

    def __init__(self, teachers: int, dtype: str) -> None:
        super().__init__(dtype=dtype, name="feature_power")
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
        """Compute the ratio of each teacher.

        Args:
            features: of each teacher, `(B, h, w, C)` or `(B, C)`.
        """
        dtype = self.first.dtype
        held = [ops.cast(ops.stop_gradient(x), dtype) for x in features]
        power = ops.stack([ops.mean(ops.square(x)) for x in held])
        first = self.first.value
        self.first.assign(ops.where(first > 0, first, power))
        return ops.unstack(power / ops.maximum(self.first.value, _TINY))
