"""Which tests run where."""

import os

import keras
import pytest

BACKEND = keras.backend.backend()
# The backend changes nothing of what is tested, or little and much time. Torch
# compiles nothing.
ONCE = pytest.mark.skipif(
    os.environ.get("ONCE_ON", "torch") != BACKEND, reason="once is enough"
)
ON_TENSORFLOW = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="of TensorFlow"
)


def _convolves_in_bfloat16() -> bool:
    """Not where oneDNN may use less of the processor than TensorFlow sees."""
    images, kernel = (
        keras.ops.ones(shape, "bfloat16")
        for shape in ((2, 8, 8, 3), (3, 3, 3, 4))
    )
    try:
        keras.ops.convert_to_numpy(keras.ops.conv(images, kernel))
    except Exception as error:
        if "could not create a primitive" not in str(error):
            raise
        return False
    return True


MIXED_BFLOAT16 = pytest.param(
    "mixed_bfloat16",
    marks=pytest.mark.skipif(
        not _convolves_in_bfloat16(),
        reason="ONEDNN_MAX_CPU_ISA takes bfloat16 convolutions from TensorFlow",
    ),
)
