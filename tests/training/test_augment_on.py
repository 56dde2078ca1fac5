"""A run augments inside its steps as it does on the host."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from atsc_keras.config import load_config
from atsc_keras.data import build_pipeline, load_dataset
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.jobs import train
from atsc_keras.training.networks import build_teacher
from atsc_keras.training.trainers import build_atsc, build_method
from tests.tiny_experiment import PUBLISHED, write_config

pytestmark = pytest.mark.usefixtures("unrendered")


def test_classifier_trains_on_the_device_as_on_the_host(tmp_path: Path) -> None:
    path = write_config(tmp_path, epochs=1)
    ends = []
    for place in ("host", "device"):
        config = load_config(path, [f"data.augment_on={place}"])
        train(config, tmp_path / place, role="student")
        model = keras.models.load_model(
            tmp_path / place / "model.keras", compile=False
        )
        ends.append(model.get_weights())
    for found, expected in zip(*ends, strict=True):
        # The order of float32 sums may differ between two programs.
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", ["atsc", "kd"])
def test_method_trains_on_the_device_as_on_the_host(
    tmp_path: Path, method: str
) -> None:
    path = write_config(tmp_path, epochs=1)
    ends = []
    for place in ("host", "device"):
        config = load_config(path, [f"data.augment_on={place}"])
        dataset = load_dataset(config.data)
        experiment = Experiment(config, dataset)
        keras.utils.set_random_seed(0)
        teacher = build_teacher(config.teachers[0], dataset)
        if method == "atsc":
            trainer = build_atsc([teacher], experiment)
        else:
            trainer = build_method("kd", teacher, experiment, epochs=1)
        trainer.compile(optimizer="sgd")
        pipeline = build_pipeline(dataset, "train", config.data, training=True)
        trainer.fit(
            pipeline.batches,
            steps_per_epoch=pipeline.steps,
            shuffle=False,
            verbose=0,
        )
        ends.append(trainer.get_weights())
    for found, expected in zip(*ends, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


# Every module but TensorFlow's is found.
_WITHOUT_TENSORFLOW = """
import runpy, sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            return None
        return super().find_spec(name, path, target)

sys.meta_path[:] = [Hiding if f is PathFinder else f for f in sys.meta_path]
sys.argv[0] = "atsc_keras"
runpy.run_module("atsc_keras", run_name="__main__")
"""


def run_without_tensorflow(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_TENSORFLOW, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="it is the backend"
)
def test_run_on_the_device_needs_no_tensorflow(tmp_path: Path) -> None:
    config = str(write_config(tmp_path, epochs=1, networks=PUBLISHED))
    words = ["distill", config, "--run-dir", str(tmp_path / "run")]
    # Resized, too, as the data of the demo are.
    changes = ["data.image_size=10", "student.training=null"]
    on_device = [*changes, "data.augment_on=device"]
    done = run_without_tensorflow(*words, *on_device)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").exists()
    refused = run_without_tensorflow(*words, *changes, "--overwrite")
    assert refused.returncode == 2
    assert "data.augment_on=device" in refused.stderr
    assert "Traceback" not in refused.stderr
    # Before anything was deleted for the new run.
    assert (tmp_path / "run" / "report.html").exists()
