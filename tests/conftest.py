"""Fixtures that every room's tests share."""

import os
from pathlib import Path

# Compiling is most of JAX's time here: it keeps what it has compiled, for the
# processes that tests start too, and spends no time on faster code. This comes
# before Keras.
_CACHE = Path(__file__).parent.parent / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import keras  # noqa: E402
import pytest  # noqa: E402

from tests.markers import ONCE  # noqa: E402

_HERE = Path(__file__).parent
# What is tested there computes nothing by the backend, or by TensorFlow's
# converters alone.
_ONCE = (
    *("config", "records", "reports", "files", "export", "clients"),
    *("data/tensorflow", "data/test_array_sources.py", "data/test_choosing.py"),
    *("data/test_folder_source.py", "data/test_randomness.py"),
    *("test_readme.py", "test_results.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run on one backend what no backend changes."""
    for item in items:
        if any(item.path.is_relative_to(_HERE / place) for place in _ONCE):
            item.add_marker(ONCE)


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    """Every test starts from the same random state."""
    keras.utils.set_random_seed(0)
