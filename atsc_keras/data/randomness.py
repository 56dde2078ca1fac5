"""What `tensorflow.randomness` draws, in numpy: bit for bit the same numbers.

So that batches made without TensorFlow are the batches made with it.

Reference:
    Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3":
    Philox4x32 with 10 rounds. How a key becomes a counter, and bits become
    numbers, is as in TensorFlow's stateless operations.
"""

import numpy as np
from numpy.typing import NDArray

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)  # what the keys grow by each round
_ROUNDS = 10
_SCRAMBLING_KEY = (0x3EC8F720, 0x02461E29)  # of TensorFlow
_WORD = np.uint64(0xFFFFFFFF)
_WORD_BITS = np.uint64(32)


def make_key(seed: int, *parts: int) -> NDArray[np.int64]:
    """Derives a key from a seed; see `tensorflow.randomness.make_key`."""
    key = np.array([seed, 0], np.int64)
    for part in parts:
        key = extend_key(key, part)
    return key


def extend_key(key: NDArray[np.int64], part: int) -> NDArray[np.int64]:
    """Derives a further key from a key; see TensorFlow's."""
    return np.array([_draw_int64(1, key)[0], part], np.int64)


def draw_permutation(count: int, key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draws an order of `count` things; see TensorFlow's."""
    return np.argsort(_draw_int64(count, key), kind="stable")


def draw_integers(
    count: int, limit: int, key: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Draws integers in [0, limit); see `tensorflow.randomness.draw_integers`.

    Args:
        count: How many.
        limit: One more than the largest.
        key: Of `make_key`.

    Returns:
        int32 (count,).
    """
    return (_draw_words(count, key) % np.uint32(limit)).astype(np.int32)


def _draw_int64(count: int, key: NDArray[np.int64]) -> NDArray[np.int64]:
    return _draw_words(2 * count, key).view(np.int64)


def _draw_words(count: int, key: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Draws 32 random bits, `count` times."""
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
    """Encrypts counters (..., 4)."""
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
