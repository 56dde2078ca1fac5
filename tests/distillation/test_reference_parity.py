"""Five steps beside the authors' implementation, number by number.

Tolerances are float32 rounding over five steps of a 22-layer pair, as two
float32 runs of the reference itself differ from its float64 run.
"""

from typing import Any

import numpy as np
import pytest

from tests.reference import (
    Weights,
    assert_close,
    assert_gradients_close,
    golden,
    is_statistic,
    load,
    pair_a,
    pair_a_batch,
    pair_a_sgd,
    roles,
    trainable,
    training_outputs,
    under,
    values,
)
from tests.tiny import RecordingSGD

STEPS = 5
BATCH = 8
MAP_TOLERANCE = 1e-5  # of the tensor's largest value
WEIGHT_TOLERANCE = 1e-5  # absolute


def pytorch_variance(
    name: str, before: np.ndarray, after: np.ndarray, theirs: np.ndarray
) -> np.ndarray:
    """The running variance that PyTorch would have after our step.

    Args:
        name: of the weight; tells at which resolution its layer runs.
        before: our moving variance before the step.
        after: and after it.
        theirs: PyTorch's running variance before the step.
    """
    side = {"stage2": 16, "stage3": 8, "bn1": 8, "bn2": 8, "bn3": 8}.get(
        name.split("/")[0].split("_")[0], 32
    )
    count = BATCH * side * side
    batch_variance = (after - 0.9 * before) / 0.1
    return 0.9 * theirs + 0.1 * batch_variance * count / (count - 1)


@pytest.fixture(scope="module")
def joint() -> dict[str, np.ndarray]:
    return golden("pair_a_joint")


@pytest.fixture(scope="module")
def run() -> list[dict[str, Any]]:
    """Before and after each of five one-pass steps: what the networks give
    (of the weights before), logs, weights and SGD's buffers (after it)."""
    atsc = pair_a(l2sp_scope="kernels")
    atsc.compile(teacher_rate=1.0, optimizer=pair_a_sgd())
    states = [{role: values(w) for role, w in roles(atsc).items()}]
    for step in range(1, STEPS + 1):
        images, labels = pair_a_batch(step)
        outputs = training_outputs(atsc, images)
        atsc.reset_metrics()
        logs = atsc.train_on_batch(images, labels, return_dict=True)
        state = {role: values(w) for role, w in roles(atsc).items()}
        states.append({**state, "logs": logs, "outputs": outputs})
    buffers = {
        id(weight): velocity
        for weight, velocity in zip(
            atsc.trainable_variables, atsc.optimizer.velocities, strict=True
        )
    }
    states[STEPS]["buffers"] = {
        role: values({n: buffers[id(w)] for n, w in trainable(weights).items()})
        for role, weights in roles(atsc).items()
    }
    return states


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_losses_equal_the_reference(
    run: list[dict[str, Any]], joint: dict[str, np.ndarray], step: int
) -> None:
    logs = run[step]["logs"]
    names = {
        "feature_loss": "loss_kd",
        "l2sp_loss": "loss_w",
        "teacher_loss": "loss_cls_t",
    }
    for ours, theirs in names.items():
        expected = joint[f"step{step}/{theirs}"]
        np.testing.assert_allclose(
            logs[ours], expected, rtol=1e-5, atol=1e-7, err_msg=ours
        )


@pytest.mark.parametrize("role", ["teacher", "student", "projector"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_every_weight_equals_the_reference(
    run: list[dict[str, Any]],
    joint: dict[str, np.ndarray],
    step: int,
    role: str,
) -> None:
    expected = under(joint, f"step{step}/after1/{role}")
    previous = under(joint, f"step{step - 1}/after1/{role}")
    actual = run[step][role]
    assert actual.keys() == expected.keys()
    for name, value in actual.items():
        if name.endswith("moving_variance"):
            before = run[step - 1][role][name]
            theirs = previous.get(name, before)
            value = pytorch_variance(name, before, value, theirs)
        np.testing.assert_allclose(
            value,
            expected[name],
            rtol=1e-5,
            atol=WEIGHT_TOLERANCE,
            err_msg=name,
        )


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize("role", ["teacher", "student", "projector"])
def test_encoders_equal_the_two_pass_variants(
    run: list[dict[str, Any]], variant: str, role: str
) -> None:
    trace = golden(f"pair_a_{variant}")
    for step in (1, STEPS):
        expected = under(trace, f"step{step}/after1/{role}")
        assert expected
        for name, value in expected.items():
            np.testing.assert_allclose(
                run[step][role][name], value, rtol=0, atol=WEIGHT_TOLERANCE
            )


def test_learning_rate_drop_acts_on_old_momentum_at_once() -> None:
    atsc = pair_a(l2sp_scope="kernels")
    atsc.compile(teacher_rate=1.0, optimizer=pair_a_sgd())
    for step in range(1, STEPS + 1):
        atsc.optimizer.learning_rate = 0.05 if step <= 3 else 0.005
        atsc.train_on_batch(*pair_a_batch(step))
    trace = golden("pair_a_lrdrop")
    for role, weights in roles(atsc).items():
        expected = under(trace, f"step{STEPS}/after1/{role}")
        actual = values(weights)
        for name, value in expected.items():
            np.testing.assert_allclose(
                actual[name], value, rtol=0, atol=WEIGHT_TOLERANCE
            )


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_maps_and_logits_equal_the_reference(
    run: list[dict[str, Any]], joint: dict[str, np.ndarray], step: int
) -> None:
    expected = under(joint, f"step{step}")
    outputs = run[step]["outputs"]
    known = outputs.keys() & expected.keys()
    assert {"logits_s", "logits_t"} <= known
    for name in known:
        # Later maps come from weights that five roundings have passed.
        relative = MAP_TOLERANCE if step == 1 else 10 * MAP_TOLERANCE
        assert_close(outputs[name], expected[name], relative)


@pytest.mark.parametrize("role", ["teacher", "student", "projector"])
def test_momentum_buffers_equal_the_reference(
    run: list[dict[str, Any]], joint: dict[str, np.ndarray], role: str
) -> None:
    expected = {
        **under(joint, f"final/mom1/{role}"),
        **under(joint, f"final/mom2/{role}"),
    }
    actual = run[STEPS]["buffers"][role]
    assert actual.keys() == expected.keys()
    assert_gradients_close(actual, expected)


def test_logits_after_training_equal_the_reference(
    joint: dict[str, np.ndarray],
) -> None:
    atsc = pair_a()
    for role, weights in roles(atsc).items():
        load(weights, under(joint, f"step{STEPS}/after1/{role}"))
    images, _ = pair_a_batch("eval")
    student = atsc.predict(images, verbose=0)
    assert_close(student, joint["eval/logits_s"], MAP_TOLERANCE)
    teacher = atsc.teacher(images, training=False)
    assert_close(teacher, joint["eval/logits_t"], MAP_TOLERANCE)


@pytest.fixture(scope="module")
def gradients() -> list[dict[str, Weights]]:
    """The gradients of five steps, by role and name."""
    atsc = pair_a(l2sp_scope="kernels")
    sgd = RecordingSGD(0.05, momentum=0.9, weight_decay=5e-4)
    atsc.compile(teacher_rate=1.0, optimizer=sgd, run_eagerly=True)
    for step in range(1, STEPS + 1):
        atsc.train_on_batch(*pair_a_batch(step))
    return [
        {
            role: {n: step[id(w)] for n, w in trainable(weights).items()}
            for role, weights in roles(atsc).items()
        }
        for step in sgd.recorded
    ]


@pytest.mark.parametrize("role", ["teacher", "student", "projector"])
@pytest.mark.parametrize("step", [1, 2, STEPS])
def test_every_gradient_equals_the_reference(
    gradients: list[dict[str, Weights]],
    joint: dict[str, np.ndarray],
    step: int,
    role: str,
) -> None:
    expected = under(joint, f"step{step}/grad/{role}")
    actual = gradients[step - 1][role]
    assert actual.keys() == expected.keys()
    assert_gradients_close(actual, expected)


def test_simkd_is_atsc_with_a_frozen_teacher() -> None:
    atsc = pair_a()
    atsc.teacher.trainable = False
    atsc.compile(teacher_rate=1.0, optimizer=pair_a_sgd())
    before = values(roles(atsc)["teacher"])
    trace = golden("pair_a_simkd")
    for step in (1, 2, 3):
        atsc.reset_metrics()
        logs = atsc.train_on_batch(*pair_a_batch(step), return_dict=True)
        np.testing.assert_allclose(
            logs["feature_loss"], trace[f"step{step}/loss_kd"], rtol=1e-5
        )
        assert logs["l2sp_loss"] == 0
    for role in ("student", "projector"):
        expected = under(trace, f"step3/after1/{role}")
        actual = values(roles(atsc)[role])
        for name, value in actual.items():
            if not is_statistic(name):
                np.testing.assert_allclose(
                    value, expected[name], rtol=0, atol=WEIGHT_TOLERANCE
                )
    for name, value in values(roles(atsc)["teacher"]).items():
        np.testing.assert_array_equal(value, before[name])
