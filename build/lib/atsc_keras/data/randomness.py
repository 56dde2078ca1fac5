"""Random numbers that depend on nothing but (seed, epoch, batch, purpose).

No generator is carried along, so the middle of a run can be drawn without
what came before it. `ArrayKey` draws in numpy what `TensorKey` draws in
TensorFlow, bit for bit: batches made without TensorFlow are those made with
it.

Reference:
    Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3":
    Philox4x32 with 10 rounds. How a key becomes a counter, and bits become
    numbers, is as in TensorFlow's stateless operations.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

# What random numbers of a run are for: their keys differ in this.
ORDER = 0
AUGMENTATION = 1
WINDOWS = 2
# Of the key of a batch, after the three of `draw_placements`.
WINDOWS_OF_BATCH = 3
AUGMENTATIONS = 4  # and following

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)  # what the keys grow by each round
_ROUNDS = 10
_SCRAMBLING_KEY = (0x3EC8F720, 0x02461E29)  # of TensorFlow
_WORD = np.uint64(0xFFFFFFFF)
_WORD_BITS = np.uint64(32)


class Key(Protocol):
    """What decides random numbers: `ArrayKey` or `TensorKey`."""

    def extend(self, *parts: Any) -> Self:
        """Derive a further key, told from others by integers in order."""

    def permutation(self, count: Any) -> Any:
        """Draw an order of `count` things: int64 (count,), from 0."""

    def integers(self, shape: Sequence[Any], limit: int) -> Any:
        """Draw int32 numbers evenly from [0, limit)."""


class ArrayKey:
    """A key that draws by numpy.

    Args:
        words: int64 (2,).
    """

    def __init__(self, words: NDArray[np.int64]) -> None:
        self.words = words

    @classmethod
    def from_seed(cls, seed: int, *parts: int) -> Self:
        """Derive a key from a seed and what the numbers are for."""
        return cls(np.array([seed, 0], np.int64)).extend(*parts)

    def extend(self, *parts: int) -> Self:
        """Derive a further key; see `Key`."""
        words = self.words
        for part in parts:
            words = np.array([_draw_int64(1, words)[0], part], np.int64)
        return type(self)(words)

    def permutation(self, count: int) -> NDArray[np.int64]:
        """Draw an order of `count` things; see `Key`."""
        return np.argsort(_draw_int64(count, self.words), kind="stable")

    def integers(self, shape: Sequence[int], limit: int) -> NDArray[np.int32]:
        """Draw integers evenly; see `Key`."""
        drawn = _draw_words(math.prod(shape), self.words) % np.uint32(limit)
        return drawn.astype(np.int32).reshape(shape)


def _draw_int64(count: int, key: NDArray[np.int64]) -> NDArray[np.int64]:
    return _draw_words(2 * count, key).view(np.int64)


def _draw_words(count: int, key: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Draw 32 random bits, `count` times."""
    mixed = _philox(key.view(np.uint32), _SCRAMBLING_KEY)
    blocks = -(-count // 4)
    counters = np.zeros((blocks, 4), np.uint32)
    counters[:, 0] = np.arange(blocks)
    counters[:, 2:] = mixed[2:]
    words = _philox(counters, (int(mixed[0]), int(mixed[1])))
    return words.reshape(-1)[:count]


def _philox(
    counters: NDArray[np.uint32], key: tuple[int, int]
) -> NDArray[np.uint32]:
    """Encrypt counters (..., 4)."""
    first, second, third, fourth = np.moveaxis(counters.astype("uint64"), -1, 0)
    low, high = key
    for _ in range(_ROUNDS):
        left, right = _MULTIPLIERS[0] * first, _MULTIPLIERS[1] * third
        first = (right >> _WORD_BITS) ^ second ^ np.uint64(low)
        second = right & _WORD
        third = (left >> _WORD_BITS) ^ fourth ^ np.uint64(high)
        fourth = left & _WORD
        low = (low + _WEYL[0]) % 2**32
        high = (high + _WEYL[1]) % 2**32
    return np.stack([first, second, third, fourth], axis=-1).astype("uint32")
