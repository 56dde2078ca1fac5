"""Whether a count of right answers is that of guessing."""

import math

import numpy as np

# Seldom enough by luck: once in a hundred.
_RARE = 0.01
_USUAL = 0.05
# What a network that knows something gets beyond chance, of what is left.
_KNOWS = 0.2
# A renamed answer must stand for its class often enough to be no accident.
_IMAGES_A_CLASS = 4
_FOLLOWS = 0.6


def at_chance(right: int, images: int, classes: int) -> bool:
    """Tell whether somebody who guesses would get as many right.

    Few images tell nothing: then the answer is no.

    Args:
        right: of the images.
        images: how many were asked.
        classes: to guess from.

    Returns:
        Whether more are usual for guessing, and so few rare for whoever
        knows a fifth of what guessing leaves.
    """
    chance = 1 / classes
    knowing = chance + _KNOWS * (1 - chance)
    by_luck = 1 - _at_most(right - 1, images, chance)
    return by_luck > _USUAL and _at_most(right, images, knowing) < _RARE


def has_fallen(now: float, before: float, images: int) -> bool:
    """Tell whether a share of right answers has fallen by more than luck.

    Args:
        now: of the images; `before` likewise.
        before: by five points more, at least, and by 2.5 standard deviations.
        images: how many were asked.
    """
    mean = (now + before) / 2
    deviation = math.sqrt(2 * mean * (1 - mean) / images)
    return before - now > max(0.05, 2.5 * deviation)


def share_renamed(
    answers: np.ndarray, labels: np.ndarray, classes: int
) -> float | None:
    """Find what a network would get right with its classes in another order.

    Args:
        answers: class numbers, `(N,)`; `labels` likewise.
        labels: of the same images.
        classes: to tell apart.

    Returns:
        The share of right answers where each stands for the label that it
        meets most often; None where that could be luck.
    """
    if len(labels) < _IMAGES_A_CLASS * classes:
        return None
    met = np.zeros((int(answers.max()) + 1, int(labels.max()) + 1), int)
    np.add.at(met, (answers, labels), 1)
    share = float(met.max(axis=1).sum() / len(labels))
    several = len(set(met.argmax(axis=1)[met.any(axis=1)].tolist())) > 1
    return share if several and share >= max(_FOLLOWS, 2 / classes) else None


def _at_most(count: int, images: int, share: float) -> float:
    """Compute the binomial distribution function."""
    total = 0.0
    for k in range(count + 1):
        ways = math.lgamma(images + 1) - math.lgamma(k + 1)
        ways -= math.lgamma(images - k + 1)
        rest = (images - k) * math.log1p(-share) if k < images else 0.0
        total += math.exp(ways + k * math.log(share) + rest)
    return min(total, 1.0)
