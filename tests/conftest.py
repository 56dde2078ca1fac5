"""Fixtures that every room's tests share."""

import keras
import pytest


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    """Every test starts from the same random state."""
    keras.utils.set_random_seed(0)
