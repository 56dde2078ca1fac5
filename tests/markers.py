"""Which tests run where."""

import keras
import pytest

# The backend changes nothing of what is tested, or little and much time.
ONCE = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="once is enough"
)
