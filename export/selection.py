"""Which of many images are taken."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Selection:
    """How many images to take, and which.

    Attributes:
        test: images to compare on, at most; default 500.
        calibration: training images to calibrate by, at most; default 200.
        seed: of the random choice; default 0.
    """

    test: int = 500
    calibration: int = 200
    seed: int = 0

    def choose(self, total: int, count: int) -> np.ndarray:
        """Indices of `count` of `total` things, in ascending order."""
        random = np.random.default_rng(self.seed)
        count = min(count, total)
        return np.sort(random.choice(total, count, replace=False))
