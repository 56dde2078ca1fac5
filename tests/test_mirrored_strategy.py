"""N replicas on a global batch update as one device on the same batch."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="MirroredStrategy is TensorFlow's",
)
def test_replicas_equal_one_device(tmp_path: Path) -> None:
    # A process sums over one set of several devices.
    for counts in (["1", "2"], ["4"]):
        subprocess.run(
            [
                *(sys.executable, "-m", "tests.mirrored_steps"),
                *(str(tmp_path), *counts),
            ],
            check=True,
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        )
    runs = []
    for replicas in (1, 2, 4):
        with np.load(tmp_path / f"{replicas}.npz") as arrays:
            assert arrays["replicas"] == replicas
            runs.append({name: arrays[name] for name in arrays.files[1:]})
    one, *several = runs
    names = list(one.pop("names"))
    for name, expected in one.items():
        for found in several:
            np.testing.assert_allclose(
                found[name],
                expected,
                rtol=1e-4 if name == "logs" else 0,
                atol=1e-5,
                err_msg=f"{name} {names if name == 'logs' else ''}",
            )
