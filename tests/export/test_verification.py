"""What differs from Keras's logits by more than rounding is caught."""

import json
from typing import Any

import numpy as np
import pytest

from atsc_keras.records.exports import Verdict
from atsc_keras.records.reading import record_text
from export.verification import Limits, Sample, verify


def sample(count: int = 6) -> Sample:
    images = np.zeros((count, 2, 2, 1), "float32")
    return Sample("random", images, np.eye(3, dtype="float32")[[0] * count])


def repeated(logits: np.ndarray) -> Any:
    return lambda images: {"logits": np.stack([logits] * len(images))}


def test_identical_logits_are_accepted() -> None:
    verdict = verify(repeated(sample().logits[0]), [sample()], Limits())
    assert verdict.accepted
    assert verdict.max_difference == 0


@pytest.mark.parametrize(
    ("largest", "difference", "accepted"),
    [
        (1.0, 1.05e-4, True),
        (1.0, 1.2e-4, False),
        (28_400.0, 0.28, True),  # half a unit in the last place is 1e-3
        (28_400.0, 0.29, False),
    ],
)
def test_large_logits_may_differ_in_proportion(
    largest: float, difference: float, accepted: bool
) -> None:
    logits = np.array([largest, 0, 0], "float64")
    images = np.zeros((4, 2, 2, 1), "float32")
    real = Sample("real", images, np.stack([logits] * 4))
    predict = repeated(logits - np.array([difference, 0, 0]))
    assert verify(predict, [real], Limits()).accepted is accepted
    # What noise reaches is no measure for pictures.
    noise = Sample("random", images + 1, real.logits * 1e6)

    def of_both(x: np.ndarray) -> dict[str, np.ndarray]:
        sample = noise if x.any() else real
        return {"logits": sample.logits[: len(x)] - [difference, 0, 0]}

    assert verify(of_both, [noise, real], Limits()).accepted is accepted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda logits: logits + 0.01, "logits differ by 0.01"),
        (lambda logits: logits * np.nan, "logits are not finite"),
        (lambda logits: logits[::-1], "logits differ by 1"),
    ],
)
def test_wrong_logits_are_caught(change: Any, reason: str) -> None:
    predict = repeated(change(sample().logits[0]))
    verdict = verify(predict, [sample()], Limits())
    assert not verdict.accepted
    assert reason in verdict.reason


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_difference_that_is_no_number_is_unknown(broken: float) -> None:
    logits = sample().logits[0]
    last = Sample("real", sample().images + 1, sample().logits)

    def predict(images: np.ndarray) -> Any:
        return repeated(logits + broken if images.any() else logits)(images)

    verdict = verify(predict, [sample(), last], Limits(None, 0.0))
    assert verdict.reason == "logits are not finite"
    assert verdict.max_difference is None
    assert verdict.mean_difference is None
    found = json.loads(record_text(verdict))
    assert found["max_difference"] is None
    # What release 0.1 wrote, which JSON does not have.
    found["max_difference"] = float("inf")
    assert Verdict.model_validate_json(json.dumps(found)) == verdict


def test_tiny_flip_of_top1_and_randomness_are_caught() -> None:
    images = np.zeros((3, 2, 2, 1), "float32")
    near = np.array([[0.5, 0.5 + 1e-6]] * 3, "float32")
    samples = [Sample("r", images, near)]
    flipped = verify(repeated(near[0, ::-1]), samples, Limits())
    assert "top-1 agrees on 0.0% only, of 100% wanted" in flipped.reason
    random = np.random.default_rng(0)

    def noisy(images: np.ndarray) -> dict[str, np.ndarray]:
        noise = random.uniform(0, 1e-7, (len(images), 1))
        return {"logits": near[: len(images)] + noise}

    reason = verify(noisy, samples, Limits()).reason
    assert reason == "two runs on the same images differ"


def test_limits_are_those_of_the_precision() -> None:
    off = repeated(sample().logits[0] + 0.01)
    assert verify(off, [sample()], Limits.of("float32", 0.1)).accepted
    strict = verify(off, [sample()], Limits.of("float32", 1e-4))
    assert "more than 0.00011, where Keras gives up to 1" in strict.reason
    assert verify(off, [sample()], Limits.of("float16", 1e-4)).accepted
    far = repeated(sample().logits[0] + 0.06)
    assert not verify(far, [sample()], Limits.of("float16", 1e-4)).accepted
    # Whole numbers may move the logits; the answer counts.
    assert verify(far, [sample()], Limits.of("int8", 1e-4)).accepted
    images = np.zeros((100, 1, 1, 1), "float32")
    expected = np.eye(2, dtype="float32")[[0] * 100]
    for wrong, accepted in ((4, True), (5, False)):
        given = np.eye(2, dtype="float32")[[1] * wrong + [0] * (100 - wrong)]
        images[:, 0, 0, 0] = np.arange(100)
        verdict = verify(
            lambda x, given=given: {"logits": given[x[:, 0, 0, 0].astype(int)]},
            [Sample("real", images, expected)],
            # 96 images fill batches of 8: 4 of them are less than 5 %.
            Limits(None, 0.955),
        )
        assert verdict.accepted == accepted


def test_outputs_that_contradict_each_other_are_caught() -> None:
    logits = sample().logits[0]
    for wrong in (
        {"probabilities": logits},
        {"label": np.int32(1)},
    ):

        def predict(images: np.ndarray, wrong: Any = wrong) -> Any:
            outputs = {"logits": logits, **wrong}
            return {k: np.stack([v] * len(images)) for k, v in outputs.items()}

        reason = verify(predict, [sample()], Limits()).reason
        assert reason == "probabilities or label are not those of the logits"
