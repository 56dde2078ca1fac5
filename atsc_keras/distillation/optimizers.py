"""One to three optimizers, and which of the weights each of them moves."""

from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from atsc_keras.errors import InputError
from atsc_keras.types import Tensor

# What keeps a pretrained teacher a good one: `tools/first_attempts.py`.
TEACHER_RATE = 0.01


def as_optimizers(
    **given: keras.optimizers.Optimizer | str | None,
) -> dict[str, keras.optimizers.Optimizer | None]:
    """Make optimizers of names.

    Raises:
        InputError: if `optimizer` is None.
    """
    if given["optimizer"] is None:
        raise InputError(
            "`optimizer` must be an optimizer or its name. Received: "
            "optimizer=None. Use CoupledSGD(0.05, momentum=0.9)."
        )
    return {
        name: None if value is None else keras.optimizers.get(value)
        for name, value in given.items()
    }


class ShareOfRate(keras.optimizers.schedules.LearningRateSchedule):
    """A part of the learning rate that another optimizer has now.

    It follows a schedule of that optimizer, and a callback that sets its rate.

    Args:
        optimizer: whose rate counts.
        share: of it.
    """

    def __init__(
        self, optimizer: keras.optimizers.Optimizer, share: float
    ) -> None:
        self.optimizer = optimizer
        self.share = share

    def __call__(self, step: Tensor) -> Tensor:
        rate = ops.convert_to_tensor(self.optimizer.learning_rate)
        return ops.cast(rate, "float32") * self.share

    def get_config(self) -> dict[str, Any]:
        optimizer = keras.saving.serialize_keras_object(self.optimizer)
        return {"optimizer": optimizer, "share": self.share}


def slower_optimizer(
    optimizer: keras.optimizers.Optimizer, share: float
) -> keras.optimizers.Optimizer:
    """Make an optimizer like another, which learns at a share of its rate.

    Args:
        optimizer: of any kind; not changed.
        share: of its rate.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    rate = ShareOfRate(optimizer, share)
    return type(optimizer).from_config(
        {**optimizer.get_config(), "learning_rate": rate, "name": "slower"}
    )


class _Routes(keras.optimizers.OptimizerMap):
    """Optimizers by the identity of their variables.

    Paths, by which Keras's own map goes, may be equal in two networks.
    """

    def __init__(
        self,
        default: keras.optimizers.Optimizer,
        routes: dict[str, tuple[keras.optimizers.Optimizer, list]],
    ) -> None:
        super().__init__(default, {n: own for n, (own, _) in routes.items()})
        self._by_id = {
            id(variable): own
            for own, variables in routes.values()
            for variable in variables
        }

    def __call__(self, variable: keras.Variable) -> keras.optimizers.Optimizer:
        return self._by_id.get(id(variable), self.default_optimizer)


class _RoutedOptimizer(keras.optimizers.MultiOptimizer):
    """Shows callbacks only optimizers whose rate is their own."""

    def __init__(
        self, routes: _Routes, following: keras.optimizers.Optimizer | None
    ) -> None:
        super().__init__(routes)
        self._following = following

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        return [x for x in super().optimizers if x is not self._following]


def follows(
    given: dict[str, keras.optimizers.Optimizer | None], name: str
) -> bool:
    """Tell whether a group learns at a part of the rate of `optimizer`.

    It does not if it has an optimizer, or the user has routed `optimizer`.
    """
    routed = isinstance(given["optimizer"], keras.optimizers.MultiOptimizer)
    return given[name] is None and not routed


def assign_optimizers(
    given: dict[str, keras.optimizers.Optimizer | None],
    groups: dict[str, list[keras.Variable]],
    learning: Iterable[keras.Variable],
    teacher_rate: float,
) -> tuple[keras.optimizers.Optimizer, dict[str, keras.optimizers.Optimizer]]:
    """Say which optimizer moves which weight.

    Args:
        given: by their names in `compile`; `optimizer` is needed.
        groups: for each other name its variables.
        learning: the variables that are trained.
        teacher_rate: part of the rate of `optimizer`, for groups without one.

    Returns:
        One for all of them, and the optimizer by each name that has one.
    """
    own = given["optimizer"]
    trained = set(map(id, learning))
    slower = None
    if teacher_rate != 1 and any(
        id(variable) in trained
        for name, variables in groups.items()
        if follows(given, name)
        for variable in variables
    ):
        slower = slower_optimizer(own, teacher_rate)
    found = {
        name: one or slower for name, one in given.items() if one or slower
    }
    routes = {n: (found[n], group) for n, group in groups.items() if n in found}
    return _route(own, routes, slower), found


def _route(
    optimizer: keras.optimizers.Optimizer,
    routes: dict[str, tuple[keras.optimizers.Optimizer, list]],
    following: keras.optimizers.Optimizer | None,
) -> keras.optimizers.Optimizer:
    if not routes:
        return optimizer
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        config = optimizer.get_config()
        inner = _route(optimizer.inner_optimizer, routes, following)
        return keras.optimizers.LossScaleOptimizer(
            **{**config, "inner_optimizer": inner}
        )
    return _RoutedOptimizer(_Routes(optimizer, routes), following)
