"""The proof that an exported file computes what the Keras model does."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atsc_keras.records.exports import Check, Verdict

from .formats.base import OUTPUT
from .formats.opened import Outputs, Predict

TOLERANCE = 1e-4  # difference of a float32 logit, by default
FLOAT16_TOLERANCE = 5e-2
_RELATIVE = 0.1  # of either, for each unit of the largest logit
QUANTIZED_AGREEMENT = 0.98  # smallest share of equal top-1 of int8 weights
BATCH_SIZES = (1, 8)
RANDOM_IMAGES = 16
_REPEATED = 16  # images run twice: a random layer shows on each


@dataclass(frozen=True)
class Limits:
    """What a file may lose.

    Attributes:
        difference: of a logit, where logits are small; None for any. Large
            ones are rounded in proportion: see `allowed`.
        agreement: smallest share of images with Keras's top-1.
    """

    difference: float | None = TOLERANCE
    agreement: float = 1.0

    @classmethod
    def of(cls, precision: str, tolerance: float) -> "Limits":
        """Those of a precision; `tolerance` is that of float32."""
        if precision == "float32":
            return cls(tolerance)
        if precision == "float16":
            return cls(FLOAT16_TOLERANCE, 0.0)
        return cls(None, QUANTIZED_AGREEMENT)

    def allowed(self, largest: float) -> float:
        """Largest difference where Keras's logits reach `largest`."""
        if self.difference is None:
            return math.inf
        return self.difference * (1 + _RELATIVE * largest)


@dataclass(frozen=True)
class Sample:
    """Images with the logits that Keras gives them.

    Attributes:
        name: "random" or "real".
        images: `(N, H, W, C)` of the dtype that the file takes.
        logits: of the Keras model, `(N, classes)`.
        labels: `(N,)`, or None.
        probabilities: `(N, classes)`, where the model gives them: its logits
            were found behind these; None where it gives logits.
    """

    name: str
    images: np.ndarray
    logits: np.ndarray
    labels: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    @property
    def given(self) -> np.ndarray:
        """What the model gives: probabilities or logits."""
        if self.probabilities is None:
            return self.logits
        return self.probabilities

    def save(self, folder: Path) -> Path:
        """Write `<name>.npz`, for the processes that prove files."""
        path = folder / f"{self.name}.npz"
        arrays = {k: v for k, v in vars(self).items() if v is not None}
        np.savez(path, **{k: v for k, v in arrays.items() if k != "name"})
        return path

    @classmethod
    def load(cls, path: Path, dtype: str) -> "Sample":
        """Read what `save` wrote, with images of a dtype."""
        with np.load(path) as arrays:
            found = dict(arrays)
        return cls(path.stem, found.pop("images").astype(dtype), **found)

    def accuracy(self, logits: np.ndarray) -> float | None:
        """Share of right answers; None without labels."""
        if self.labels is None:
            return None
        return float(np.mean(logits.argmax(-1) == self.labels[: len(logits)]))


def random_images(shape: tuple[int, ...]) -> np.ndarray:
    """uint8 pixels drawn evenly, the same at every call."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (RANDOM_IMAGES, *shape)).astype("uint8")


def verify(predict: Predict, samples: list[Sample], limits: Limits) -> Verdict:
    """Compare an opened file with the Keras model.

    Args:
        predict: images -> outputs by the file's own runtime.
        samples: what to compare on.
        limits: what may differ.

    Returns:
        The verdict, without operations and latency.
    """
    checked = [
        _check(predict, sample, size)
        for sample in samples
        for size in BATCH_SIZES
    ]
    checks, accuracies = zip(*checked, strict=True)
    # None, which is no finite number, becomes one that spreads.
    differences = np.array(
        [(check.max_difference, check.mean_difference) for check in checks],
        "float64",
    )
    verdict = Verdict(
        accepted=True,
        max_difference=float(differences[:, 0].max()),
        mean_difference=float(differences[:, 1].mean()),
        top1_agreement=min(check.top1_agreement for check in checks),
        accuracy=next((a for a in accuracies if a is not None), None),
        checks=checks,
    )
    return verdict.but(_fault(verdict, samples, limits))


def _check(
    predict: Predict, sample: Sample, size: int
) -> tuple[Check, float | None]:
    """Compare in batches of a size; also the accuracy, if there are labels."""
    outputs = _run(predict, sample.images, size)
    again = _run(predict, sample.images[:_REPEATED], size)[OUTPUT]
    logits = outputs[OUTPUT]
    expected = sample.logits[: len(logits)]
    if logits.shape != expected.shape:
        raise ValueError(
            f"logits have the shape {logits.shape}, not {expected.shape}"
        )
    difference = np.abs(logits - expected)
    given = sample.given[: len(logits)]
    # What the model gives may have two largest, as clipped probabilities have.
    chosen = np.take_along_axis(given, logits.argmax(-1)[:, None], -1)[:, 0]
    agreement = np.mean(chosen == given.max(-1))
    of_probabilities = None
    if sample.probabilities is not None:
        of_probabilities = float(np.abs(softmax(logits) - given).max())
    check = Check(
        images=sample.name,
        batch_size=size,
        count=len(logits),
        max_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        probability_difference=of_probabilities,
        top1_agreement=float(agreement),
        repeatable=bool(np.array_equal(again, logits[: len(again)])),
        consistent=_consistent(outputs),
    )
    return check, sample.accuracy(logits)


def _run(predict: Predict, images: np.ndarray, size: int) -> Outputs:
    """Run whole batches; what is left over is not."""
    size = min(size, len(images))
    count = len(images) // size * size
    parts = [
        predict(images[start : start + size]) for start in range(0, count, size)
    ]
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }


def _consistent(outputs: Outputs) -> bool:
    """Whether probabilities and label are those of the file's own logits."""
    logits = outputs[OUTPUT]
    expected = softmax(logits)
    # int8 probabilities come in steps of 1/256.
    probabilities = outputs.get("probabilities", expected)
    label = outputs.get("label", logits.argmax(-1))
    return bool(
        np.allclose(probabilities, expected, rtol=0, atol=1 / 128)
        and np.array_equal(label, logits.argmax(-1))
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Compute the probabilities of logits `(N, K)`, in float64."""
    logits = logits.astype("float64")
    with np.errstate(invalid="ignore"):  # infinite ones are found by `_fault`
        powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def _fault(found: Verdict, samples: list[Sample], limits: Limits) -> str | None:
    largest = {s.name: float(np.abs(s.logits).max()) for s in samples}
    agreement = found.top1_agreement
    if found.max_difference is None or agreement is None:
        return "logits are not finite"
    for check in found.checks:
        allowed = limits.allowed(largest[check.images])
        if not (check.max_difference or 0.0) <= allowed:
            return (
                f"logits differ by {check.max_difference:.2g}, more than "
                f"{allowed:.2g}, where Keras gives up to "
                f"{largest[check.images]:.3g}"
            )
        if (check.probability_difference or 0.0) > allowed:
            return (
                "softmax of the logits differs from the model's probabilities "
                f"by {check.probability_difference:.2g}, more than "
                f"{allowed:.2g}"
            )
    if agreement < limits.agreement:
        return (
            f"top-1 agrees on {agreement:.1%} only, of "
            f"{limits.agreement:.0%} wanted"
        )
    if not all(check.repeatable for check in found.checks):
        return "two runs on the same images differ"
    if not all(check.consistent for check in found.checks):
        return "probabilities or label are not those of the logits"
    return None
