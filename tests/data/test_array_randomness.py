"""The numbers of numpy are TensorFlow's."""

import numpy as np
import pytest

from atsc_keras.data import array_randomness, randomness

PARTS = ((0,), (3, 0, 1), (2**32 - 1, 1, 7, 123_456), (5, 2**40))


@pytest.mark.parametrize("parts", PARTS)
def test_keys_are_the_same(parts: tuple[int, ...]) -> None:
    found = array_randomness.make_key(*parts)
    np.testing.assert_array_equal(found, randomness.make_key(*parts))


@pytest.mark.parametrize("parts", PARTS)
def test_permutations_are_the_same(parts: tuple[int, ...]) -> None:
    found = array_randomness.draw_permutation(
        1001, array_randomness.make_key(*parts)
    )
    expected = randomness.draw_permutation(1001, randomness.make_key(*parts))
    np.testing.assert_array_equal(found, expected)
    assert sorted(found) == list(range(1001))


@pytest.mark.parametrize("count", [1, 4, 63])
@pytest.mark.parametrize("limit", [1, 2, 9])
def test_integers_are_the_same(count: int, limit: int) -> None:
    found = array_randomness.draw_integers(
        count, limit, array_randomness.make_key(1, 2)
    )
    assert found.dtype == np.int32
    expected = randomness.draw_integers(
        [count], limit, randomness.make_key(1, 2)
    )
    np.testing.assert_array_equal(found, expected)
