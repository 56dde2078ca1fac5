"""Two steps of a grouped, smaller-mapped student beside the authors'.

Tolerances as in `test_reference_parity`, wider for logits: rounding passes
through 19 more layers.
"""

from typing import Any

import numpy as np
import pytest

from tests.reference import (
    Weights,
    assert_close,
    assert_gradients_close,
    golden,
    load,
    pair_a_sgd,
    pair_b1,
    roles,
    trainable,
    two_threads,
    under,
    values,
)

STEPS = (1, 2)
MAP_TOLERANCE = 2e-5  # of the tensor's largest value
WEIGHT_TOLERANCE = 1e-5  # absolute


@pytest.fixture(scope="module")
def trace() -> Weights:
    return golden("pair_b1")


@pytest.fixture(scope="module")
def run(trace: Weights) -> dict[int, dict[str, Any]]:
    """Each step's logs, and weights and SGD's buffers after it."""
    atsc = pair_b1(l2sp_scope="kernels")
    atsc.compile(teacher_rate=1.0, optimizer=pair_a_sgd(0.01))
    atsc.optimizer.build(atsc.trainable_variables)
    buffers = {
        id(weight): buffer
        for weight, buffer in zip(
            atsc.trainable_variables, atsc.optimizer.velocities, strict=True
        )
    }
    states: dict[int, dict[str, Any]] = {
        0: {"weights": {r: values(own) for r, own in roles(atsc).items()}}
    }
    for step in STEPS:
        images, labels = trace[f"x/{step}"], trace[f"y/{step}"]
        atsc.reset_metrics()
        with two_threads():
            logs = atsc.train_on_batch(images, labels, return_dict=True)
        states[step] = {
            "logs": logs,
            "buffers": {
                role: values(
                    {n: buffers[id(w)] for n, w in trainable(own).items()}
                )
                for role, own in roles(atsc).items()
            },
            "weights": {r: values(own) for r, own in roles(atsc).items()},
        }
    return states


@pytest.mark.parametrize("step", STEPS)
def test_losses_equal_the_reference(
    run: dict[int, dict[str, Any]], trace: Weights, step: int
) -> None:
    names = {
        "feature_loss": "loss_kd",
        "l2sp_loss": "loss_w",
        "teacher_loss": "loss_cls_t",
    }
    for ours, theirs in names.items():
        expected = trace[f"step{step}/{theirs}"]
        actual = run[step]["logs"][ours]
        np.testing.assert_allclose(
            actual, expected, rtol=1e-5, atol=1e-7, err_msg=ours
        )


@pytest.mark.parametrize("role", ["teacher", "student", "projector"])
def test_every_gradient_equals_the_reference(
    run: dict[int, dict[str, Any]], trace: Weights, role: str
) -> None:
    expected = under(trace, f"step1/grad/{role}")
    # The first buffer is the gradient plus the decay.
    actual = {
        name: buffer - 5e-4 * run[0]["weights"][role][name]
        for name, buffer in run[1]["buffers"][role].items()
    }
    assert actual.keys() == expected.keys()
    assert_gradients_close(actual, expected)


@pytest.mark.parametrize("role", ["teacher", "student", "projector"])
@pytest.mark.parametrize("step", STEPS)
def test_every_weight_equals_the_reference(
    run: dict[int, dict[str, Any]], trace: Weights, step: int, role: str
) -> None:
    expected = under(trace, f"step{step}/after1/{role}")
    actual = run[step]["weights"][role]
    assert actual.keys() == expected.keys()
    for name, value in actual.items():
        if name.endswith("moving_variance"):
            continue  # PyTorch's is unbiased; `test_resnet` compares it
        np.testing.assert_allclose(
            value,
            expected[name],
            rtol=1e-5,
            atol=WEIGHT_TOLERANCE,
            err_msg=name,
        )


def test_logits_after_training_equal_the_reference(
    trace: Weights,
) -> None:
    atsc = pair_b1()
    for role, weights in roles(atsc).items():
        load(weights, under(trace, f"step{STEPS[-1]}/after1/{role}"))
    student = atsc.predict(trace["x/eval"], verbose=0)
    assert_close(student, trace["eval/logits_s"], MAP_TOLERANCE)
