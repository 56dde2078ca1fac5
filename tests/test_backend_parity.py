"""TensorFlow, JAX and torch compute the same training."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests import parity_steps

BACKENDS = ("tensorflow", "jax", "torch")


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="starts the others itself; once is enough",
)
def test_five_steps_are_equal_on_three_backends(tmp_path: Path) -> None:
    runs = {}
    for backend in BACKENDS:
        path = tmp_path / f"{backend}.npz"
        if backend == keras.backend.backend():
            parity_steps.main(path)
        else:
            subprocess.run(
                [sys.executable, "-m", "tests.parity_steps", str(path)],
                check=True,
                env={**os.environ, "KERAS_BACKEND": backend},
            )
        with np.load(path) as arrays:
            runs[backend] = {name: arrays[name] for name in arrays.files}
    for backend in ("jax", "torch"):
        assert runs[backend].keys() == runs["tensorflow"].keys()
        for name, expected in runs["tensorflow"].items():
            np.testing.assert_allclose(
                runs[backend][name],
                expected,
                rtol=1e-4 if name == "logs" else 0,
                atol=1e-5,
                err_msg=f"{backend} {name}",
            )
