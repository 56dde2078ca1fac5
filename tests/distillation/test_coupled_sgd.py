"""CoupledSGD moves weights as PyTorch's SGD does."""

import keras
import numpy as np
import pytest

from atsc_keras.distillation.coupled_sgd import CoupledSGD
from tests.reference import golden, under

TRACE = under(golden("units"), "sgd")


def test_eight_steps_with_rate_drops_equal_the_reference() -> None:
    weight = keras.Variable(TRACE["p0"].astype("float32"))
    optimizer = CoupledSGD(
        learning_rate=float(TRACE["lr"][0]), momentum=0.9, weight_decay=5e-4
    )
    optimizer.build([weight])
    for step, rate in enumerate(TRACE["lr"]):
        optimizer.learning_rate = float(rate)
        gradient = keras.ops.convert_to_tensor(TRACE["grads"][step], "float32")
        optimizer.apply([gradient], [weight])
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(weight.value),
            TRACE["p"][step],
            rtol=1e-5,
            atol=1e-6,
        )
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(optimizer.velocities[0].value),
            TRACE["buf"][step],
            rtol=1e-5,
            atol=1e-6,
        )


def step_from_one(**arguments: float) -> float:
    """Where one weight of 1 is after two steps with gradient 1, rate 0.1."""
    weight = keras.Variable(np.ones((1,), "float32"))
    optimizer = CoupledSGD(learning_rate=0.1, **arguments)
    optimizer.build([weight])
    for _ in range(2):
        optimizer.apply([keras.ops.ones((1,))], [weight])
    return float(keras.ops.convert_to_numpy(weight.value)[0])


def test_plain_step_needs_no_momentum() -> None:
    assert step_from_one() == pytest.approx(0.8)


def test_decay_adds_to_the_gradient() -> None:
    first = 1 - 0.1 * (1 + 0.5 * 1)
    second = first - 0.1 * (1 + 0.5 * first)
    assert step_from_one(weight_decay=0.5) == pytest.approx(second)


def test_nesterov_looks_ahead() -> None:
    first = 1 - 0.1 * (1 + 0.9 * 1)
    second = first - 0.1 * (1 + 0.9 * 1.9)
    assert step_from_one(momentum=0.9, nesterov=True) == pytest.approx(second)


def test_config_round_trip_keeps_every_argument() -> None:
    optimizer = CoupledSGD(
        0.3, momentum=0.8, nesterov=True, weight_decay=1e-3, clipnorm=2.0
    )
    config = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(config)
    assert again.get_config() == optimizer.get_config()
    assert again.coupled_weight_decay == 1e-3
    assert again.weight_decay is None


@pytest.mark.parametrize(
    "arguments", [{"momentum": 1.0}, {"momentum": -0.1}, {"weight_decay": -1.0}]
)
def test_values_out_of_range_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match="Received"):
        CoupledSGD(**arguments)


def test_keras_still_tells_the_place_of_a_variable() -> None:
    """Not published, but in the documentation of its `Optimizer`."""
    weights = [keras.Variable([1.0]), keras.Variable([2.0])]
    optimizer = CoupledSGD(momentum=0.9)
    optimizer.build(weights)
    places = [optimizer._get_variable_index(weight) for weight in weights]
    assert places == [0, 1]
