"""What numbers of a few runs can show."""

import math
import statistics
from collections.abc import Mapping, Sequence

from atsc_keras.reports.numbers import percent


def wrong_images(accuracy: float, images: int) -> int:
    """Count the test images that a model with this accuracy gets wrong."""
    return round((1.0 - accuracy) * images)


def interval(accuracy: float, images: int) -> tuple[float, float]:
    """Find Wilson's 95 % interval of an accuracy measured on so many images.

    It covers the choice of the test images, not that of the seed.

    Args:
        accuracy: as measured, from 0 to 1.
        images: that it was measured on.

    Returns:
        Lower and upper end, from 0 to 1.
    """
    from scipy.stats import binomtest  # takes a second

    right = images - wrong_images(accuracy, images)
    found = binomtest(right, images).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def gap_closed(student: float, alone: float, teacher: float) -> float | None:
    """Measure the share of the way from the student alone to the teacher.

    Args:
        student: accuracy of the distilled student.
        alone: of the same student trained without a teacher.
        teacher: of the (best) teacher.

    Returns:
        0 for the student alone, 1 for the teacher; None where the teacher is
        no better.
    """
    if teacher <= alone:
        return None
    return (student - alone) / (teacher - alone)


def spread(shares: Sequence[float], images: int) -> str:
    """Write `97.2 ± 0.3 %`: mean and standard deviation (n - 1) over seeds."""
    mean = percent(statistics.mean(shares), images)
    if len(shares) < 2:
        return mean
    number = mean.removesuffix(" %")
    decimals = len(number.partition(".")[2])
    deviation = 100 * statistics.stdev(shares)
    return f"{number} ± {deviation:.{decimals}f} %"


def paired(
    best: Mapping[int, float], other: Mapping[int, float]
) -> tuple[float, float, int] | None:
    """Measure how far one method is ahead of another, seed by seed.

    Args:
        best: accuracy by seed.
        other: likewise.

    Returns:
        Mean of the differences, its standard error, and how many seeds both
        have; None where they share one or none.
    """
    differences = [
        best[seed] - other[seed] for seed in best.keys() & other.keys()
    ]
    count = len(differences)
    if count < 2:
        return None
    error = statistics.stdev(differences) / math.sqrt(count)
    return statistics.mean(differences), error, count
