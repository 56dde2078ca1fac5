"""The numbers of numpy are TensorFlow's."""

import numpy as np
import pytest

from atsc_keras.data.randomness import ArrayKey
from atsc_keras.data.tensorflow.randomness import TensorKey

PARTS = ((0,), (3, 0, 1), (2**32 - 1, 1, 7, 123_456), (5, 2**40))


@pytest.mark.parametrize("parts", PARTS)
def test_keys_are_the_same(parts: tuple[int, ...]) -> None:
    found = ArrayKey.from_seed(*parts).words
    np.testing.assert_array_equal(found, TensorKey.from_seed(*parts).words)


@pytest.mark.parametrize("parts", PARTS)
def test_permutations_are_the_same(parts: tuple[int, ...]) -> None:
    found = ArrayKey.from_seed(*parts).permutation(1001)
    expected = TensorKey.from_seed(*parts).permutation(1001)
    np.testing.assert_array_equal(found, expected)
    assert sorted(found) == list(range(1001))


@pytest.mark.parametrize("count", [1, 4, 63])
@pytest.mark.parametrize("limit", [1, 2, 9])
def test_integers_are_the_same(count: int, limit: int) -> None:
    found = ArrayKey.from_seed(1, 2).integers([count], limit)
    assert found.dtype == np.int32
    expected = TensorKey.from_seed(1, 2).integers([count], limit)
    np.testing.assert_array_equal(found, expected)
