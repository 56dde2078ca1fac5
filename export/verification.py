"""The proof that an exported file computes what the Keras model does."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from export.runtimes import Predict

TOLERANCE = 1e-4  # largest difference of a float32 logit, by default
BATCH_SIZES = (1, 3)
RANDOM_IMAGES = 16
REAL_IMAGES = 64


@dataclass(frozen=True)
class Sample:
    """Images with the logits that Keras gives them.

    Attributes:
        name: "random" or "real".
        images: float32 `(N, H, W, C)`.
        logits: of the Keras model, `(N, classes)`.
        labels: `(N,)`, or None.
    """

    name: str
    images: np.ndarray
    logits: np.ndarray
    labels: np.ndarray | None = None

    def accuracy(self, logits: np.ndarray) -> float | None:
        """Share of right answers; None without labels."""
        if self.labels is None:
            return None
        return float(np.mean(logits.argmax(-1) == self.labels[: len(logits)]))


def random_images(shape: tuple[int, ...]) -> np.ndarray:
    """Pixels drawn evenly from [0, 255], the same at every call."""
    pixels = np.random.default_rng(0).uniform(0, 255, (RANDOM_IMAGES, *shape))
    return pixels.astype("float32")


def verify(
    predict: Predict, samples: list[Sample], tolerance: float = TOLERANCE
) -> dict[str, Any]:
    """Compare an opened file with the Keras model.

    Args:
        predict: images -> logits by the file's own runtime.
        samples: what to compare on.
        tolerance: largest difference of a logit; default 1e-4.

    Returns:
        `accepted` and `reason`; `max_difference`, `mean_difference` and
        `top1_agreement` over all checks; `accuracy` on labelled images (None
        without); and the `checks`, one for each sample and batch size.
    """
    checks = [
        _check(predict, sample, size)
        for sample in samples
        for size in BATCH_SIZES
    ]
    labelled = [s for s in samples if s.labels is not None]
    result = {
        "max_difference": max(check["max_difference"] for check in checks),
        "mean_difference": float(
            np.mean([check["mean_difference"] for check in checks])
        ),
        "top1_agreement": min(check["top1_agreement"] for check in checks),
        "accuracy": (
            labelled[0].accuracy(_run(predict, labelled[0].images, 1))
            if labelled
            else None
        ),
        "checks": checks,
    }
    reason = _fault(result, samples, tolerance)
    return {"accepted": reason is None, "reason": reason, **result}


def _check(predict: Predict, sample: Sample, size: int) -> dict[str, Any]:
    logits = _run(predict, sample.images, size)
    again = _run(predict, sample.images[:size], size)
    expected = sample.logits[: len(logits)]
    difference = np.abs(logits - expected)
    agreement = np.mean(logits.argmax(-1) == expected.argmax(-1))
    return {
        "images": sample.name,
        "batch_size": size,
        "count": len(logits),
        # Not a number is no small difference.
        "max_difference": float(np.nan_to_num(difference.max(), nan=np.inf)),
        "mean_difference": float(np.nan_to_num(difference.mean(), nan=np.inf)),
        "top1_agreement": float(agreement),
        "repeatable": bool(np.array_equal(again, logits[:size])),
    }


def _run(predict: Predict, images: np.ndarray, size: int) -> np.ndarray:
    """Logits of whole batches; what is left over is not run."""
    count = max(len(images) // size, 1) * size
    images = images[:count]
    return np.concatenate(
        [
            predict(images[start : start + size])
            for start in range(0, len(images), size)
        ]
    )


def _fault(
    result: dict[str, Any], samples: list[Sample], tolerance: float
) -> str | None:
    if not result["max_difference"] <= tolerance:
        largest = max(float(np.abs(s.logits).max()) for s in samples)
        return (
            f"logits differ by {result['max_difference']:.2g}, more than "
            f"{tolerance:g}, where Keras gives up to {largest:.3g}"
        )
    if result["top1_agreement"] < 1:
        return f"top-1 agrees on {result['top1_agreement']:.1%} only"
    if not all(check["repeatable"] for check in result["checks"]):
        return "two runs on the same images differ"
    return None
