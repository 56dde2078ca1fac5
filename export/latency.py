"""How long a file takes, warm."""

import statistics
import time
from typing import Any

import numpy as np

from .formats.base import Predict

BATCH_SIZES = (1, 32)
_WARM_UP = 3  # runs
_SECONDS = 1.0  # spent on each batch size
_RUNS = (5, 200)  # at least, at most


def measure_latency(
    predict: Predict, images: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Time an opened file.

    Args:
        predict: images -> outputs.
        images: `(N, H, W, C)`, repeated to fill a batch.

    Returns:
        For each batch size of 1 and 32, as text: `min_ms` and `median_ms` of
        a whole batch, and the number of `runs`.
    """
    result = {}
    for size in BATCH_SIZES:
        batch = np.resize(images, (size, *images.shape[1:]))
        seconds = _timed(predict, batch)
        result[str(size)] = {
            "min_ms": round(1e3 * min(seconds), 4),
            "median_ms": round(1e3 * statistics.median(seconds), 4),
            "runs": len(seconds),
        }
    return result


def _timed(predict: Predict, batch: np.ndarray) -> list[float]:
    for _ in range(_WARM_UP):
        predict(batch)
    seconds: list[float] = []
    fewest, most = _RUNS
    while len(seconds) < most:
        if len(seconds) >= fewest and sum(seconds) > _SECONDS:
            break
        started = time.perf_counter()
        predict(batch)
        seconds.append(time.perf_counter() - started)
    return seconds
