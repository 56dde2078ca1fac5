"""The numbers of numpy are TensorFlow's."""

import numpy as np
import pytest

from atsc_keras.data import randomness as numpy_randomness
from atsc_keras.data.tensorflow import randomness as tensorflow_randomness

PARTS = ((0,), (3, 0, 1), (2**32 - 1, 1, 7, 123_456), (5, 2**40))


@pytest.mark.parametrize("parts", PARTS)
def test_keys_are_the_same(parts: tuple[int, ...]) -> None:
    found = numpy_randomness.make_key(*parts)
    np.testing.assert_array_equal(found, tensorflow_randomness.make_key(*parts))


@pytest.mark.parametrize("parts", PARTS)
def test_permutations_are_the_same(parts: tuple[int, ...]) -> None:
    found = numpy_randomness.draw_permutation(
        1001, numpy_randomness.make_key(*parts)
    )
    expected = tensorflow_randomness.draw_permutation(
        1001, tensorflow_randomness.make_key(*parts)
    )
    np.testing.assert_array_equal(found, expected)
    assert sorted(found) == list(range(1001))


@pytest.mark.parametrize("count", [1, 4, 63])
@pytest.mark.parametrize("limit", [1, 2, 9])
def test_integers_are_the_same(count: int, limit: int) -> None:
    found = numpy_randomness.draw_integers(
        count, limit, numpy_randomness.make_key(1, 2)
    )
    assert found.dtype == np.int32
    expected = tensorflow_randomness.draw_integers(
        [count], limit, tensorflow_randomness.make_key(1, 2)
    )
    np.testing.assert_array_equal(found, expected)
