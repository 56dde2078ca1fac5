"""Two steps of a grouped, smaller-mapped student beside the authors'.

Tolerances as in `test_reference_parity`, wider for maps: rounding passes
through 19 more layers.
"""

from typing import Any

import numpy as np
import pytest

from tests.reference import Weights
from tests.reference import assert_close
from tests.reference import assert_gradients_close
from tests.reference import golden
from tests.reference import load
from tests.reference import pair_b1
from tests.reference import roles
from tests.reference import trainable
from tests.reference import training_outputs
from tests.reference import under
from tests.reference import values
from tests.tiny import RecordingSGD

STEPS = (1, 2)
MAP_TOLERANCE = 2e-5  # of the tensor's largest value
WEIGHT_TOLERANCE = 1e-5  # absolute


@pytest.fixture(scope="module")
def trace() -> Weights:
    return golden("pair_b1")


@pytest.fixture(scope="module")
def run(trace: Weights) -> dict[int, dict[str, Any]]:
    """What the networks give before each step, and its logs, gradients and
    weights after it."""
    atsc = pair_b1(l2sp_scope="kernels")
    sgd = RecordingSGD(0.01, momentum=0.9, weight_decay=5e-4)
    atsc.compile(optimizer=sgd, run_eagerly=True)
    states = {}
    for step in STEPS:
        images, labels = trace[f"x/{step}"], trace[f"y/{step}"]
        outputs = training_outputs(atsc, images)
        atsc.reset_metrics()
        logs = atsc.train_on_batch(images, labels, return_dict=True)
        gradients = sgd.recorded[step - 1]
        states[step] = {
            "outputs": outputs,
            "logs": logs,
            "gradients": {
                role: {n: gradients[id(w)] for n, w in trainable(own).items()}
                for role, own in roles(atsc).items()
            },
            "weights": {r: values(own) for r, own in roles(atsc).items()},
        }
    return states


@pytest.mark.parametrize("step", STEPS)
def test_maps_logits_and_losses_equal_the_reference(
    run: dict[int, dict[str, Any]], trace: Weights, step: int
) -> None:
    for name, output in run[step]["outputs"].items():
        assert_close(output, trace[f"step{step}/{name}"], MAP_TOLERANCE)
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
    actual = run[1]["gradients"][role]
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
