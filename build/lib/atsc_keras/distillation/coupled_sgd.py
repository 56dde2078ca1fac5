"""SGD in the form in which the published recipes state it."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from atsc_keras.types import Tensor


@keras.saving.register_keras_serializable(package="atsc_keras")
class CoupledSGD(keras.optimizers.Optimizer):
    """SGD whose weight decay is the gradient of an L2 penalty.

    For each weight, with `d = gradient + weight_decay * weight`:
    `velocity = momentum * velocity + d`, `weight -= learning_rate * velocity`.
    The learning rate multiplies the whole velocity, so a change of it acts on
    past gradients at once.

    Keras's `SGD(weight_decay=)` is decoupled (weights shrink by
    `learning_rate * weight_decay` a step, outside the momentum), which at
    momentum 0.9 is ten times weaker, and keeps the learning rate inside the
    velocity.

    Args:
        learning_rate: a number or a schedule; default 0.05.
        momentum: in [0, 1); default 0.
        nesterov: step along `d + momentum * velocity`; default False.
        weight_decay: coefficient of the penalty, on every weight, biases and
            batch normalisation included; default 0.
        name: of the optimizer.
        **kwargs: as for `keras.optimizers.Optimizer` (clipping, EMA, gradient
            accumulation, loss scale).

    Raises:
        ValueError: if `momentum` or `weight_decay` is out of range.

    Reference:
        Sutskever et al. 2013 in the form of `torch.optim.SGD`, which every
        recipe in this field was published with.
    """

    def __init__(
        self,
        learning_rate: float | Callable = 0.05,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        name: str = "coupled_sgd",
        **kwargs: Any,
    ) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(
                "`momentum` must be at least 0 and below 1. "
                f"Received: momentum={momentum}. The usual value is 0.9."
            )
        if weight_decay < 0:
            raise ValueError(
                "`weight_decay` must not be negative. "
                f"Received: weight_decay={weight_decay}. Use 0 for none."
            )
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov
        # Not `self.weight_decay`: Keras would decay a second time, decoupled.
        self.coupled_weight_decay = weight_decay

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(
        self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor
    ) -> None:
        rate = ops.cast(learning_rate, variable.dtype)
        direction = ops.cast(gradient, variable.dtype)
        if self.coupled_weight_decay:
            decay = ops.multiply(self.coupled_weight_decay, variable)
            direction = ops.add(direction, decay)
        if self.momentum:
            # As Keras documents for optimizers of one's own: a strategy of
            # TensorFlow gives a replica's part, which only this can place.
            velocity = self.velocities[self._get_variable_index(variable)]
            kept = ops.multiply(self.momentum, velocity)
            moved = ops.add(kept, direction)
            self.assign(velocity, moved)
            if self.nesterov:
                direction = ops.add(direction, self.momentum * moved)
            else:
                direction = moved
        self.assign_sub(variable, ops.multiply(rate, direction))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "weight_decay": self.coupled_weight_decay,
        }
