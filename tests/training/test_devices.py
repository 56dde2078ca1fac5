"""Several devices share a batch; what they cannot share is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.data import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.training import devices
from atsc_keras.training.devices import (
    check_devices,
    chosen_devices,
    evaluation_batch_size,
    placed,
)
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.jobs import distill
from tests.markers import MIXED_BFLOAT16
from tests.tiny_experiment import write_config

BACKEND = keras.backend.backend()
ONE_DEVICE = BACKEND == "torch"


def config_of(folder: Path, *changes: str) -> ExperimentConfig:
    return load_config(write_config(folder), changes)


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were four accelerators."""
    names = ["cpu:0", *(f"gpu:{index}" for index in range(4))]
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: names)


def test_one_device_is_the_default(tmp_path: Path) -> None:
    assert chosen_devices(config_of(tmp_path)) == []


@pytest.mark.skipif(ONE_DEVICE, reason="torch has one device")
@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("all", ["gpu:0", "gpu:1", "gpu:2", "gpu:3"]),
        ("2", ["gpu:0", "gpu:1"]),
        ("[GPU:1, gpu:3]", ["gpu:1", "gpu:3"]),
    ],
)
def test_devices_are_found_by_number_and_name(
    tmp_path: Path, asked: str, found: list[str]
) -> None:
    assert chosen_devices(config_of(tmp_path, f"devices={asked}")) == found


@pytest.mark.skipif(ONE_DEVICE, reason="torch has one device")
@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("asked", ["5", "[gpu:7]"])
def test_devices_that_are_not_there_are_refused(
    tmp_path: Path, asked: str
) -> None:
    with pytest.raises(InputError, match="found cpu:0, gpu:0"):
        chosen_devices(config_of(tmp_path, f"devices={asked}"))


@pytest.mark.parametrize("asked", ["0", "-1", "[]", "1.5", "true", "some"])
def test_wrong_words_for_devices_are_refused(
    tmp_path: Path, asked: str
) -> None:
    with pytest.raises(InputError, match="devices: must be all, a number"):
        config_of(tmp_path, f"devices={asked}")


@pytest.mark.skipif(not ONE_DEVICE, reason="of torch")
def test_torch_refuses_several_devices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="On torch Keras trains on one"):
        distill(config_of(tmp_path, "devices=2"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert chosen_devices(config_of(tmp_path, "devices=all")) == []


@pytest.mark.skipif(ONE_DEVICE, reason="torch has one device")
@pytest.mark.usefixtures("four")
def test_batches_that_cannot_be_shared_are_refused(tmp_path: Path) -> None:
    # 48 training images and 24 for the test.
    wrong = config_of(tmp_path, "devices=4", "data.batch_size=10")
    dataset = load_dataset(wrong.data)
    with pytest.raises(InputError, match="such as 12"):
        check_devices(Experiment(wrong, dataset))
    for batch_size, drop in ((12, "false"), (20, "true"), (16, "false")):
        right = config_of(
            tmp_path,
            "devices=4",
            f"data.batch_size={batch_size}",
            f"data.drop_remainder={drop}",
        )
        check_devices(Experiment(right, dataset))


@pytest.mark.skipif(ONE_DEVICE, reason="torch has one device")
@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(("size", "count"), [(16, 24), (64, 360), (8, 8)])
def test_evaluation_leaves_no_device_idle(
    tmp_path: Path, size: int, count: int
) -> None:
    config = config_of(tmp_path, "devices=4", f"data.batch_size={size}")
    chosen = evaluation_batch_size(config, count)
    assert 4 <= chosen <= size
    last = count % chosen or chosen
    assert chosen % 4 == 0
    if BACKEND == "jax":
        assert last % 4 == 0
    else:  # in parts of a whole batch
        assert last > 3 * (chosen // 4)
    with pytest.raises(InputError, match="3 images"):
        evaluation_batch_size(config, 3)


def test_precision_ends_with_the_job(tmp_path: Path) -> None:
    config = config_of(tmp_path, "precision=mixed_bfloat16")
    with placed(config):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("precision", [MIXED_BFLOAT16, "mixed_float16"])
def test_lower_precision_trains_to_float32_weights(
    tmp_path: Path, precision: str
) -> None:
    changes = [f"precision={precision}", "student.training=null"]
    config = config_of(tmp_path, *changes)
    metrics = distill(config, tmp_path / "run")
    assert metrics.models["student"].accuracy >= 0
    student = keras.models.load_model(tmp_path / "run" / "student.keras")
    (conv, *_) = (
        layer
        for layer in student.get_layer(index=1).layers
        if isinstance(layer, keras.layers.Conv2D)
    )
    assert conv.compute_dtype == precision.removeprefix("mixed_")
    assert conv.kernel.dtype == "float32"
    assert all(np.isfinite(w).all() for w in student.get_weights())


JOB = """
import json, os, sys
from atsc_keras.config import load_config
if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
from atsc_keras.training import networks
from atsc_keras.training.jobs import distill
from tests.tiny_experiment import build_tiny_too
networks.build_classifier = build_tiny_too
config = load_config(sys.argv[1], ["devices=2", *sys.argv[3:]])
metrics = distill(config, sys.argv[2])
print(json.dumps({k: v.loss for k, v in metrics.models.items()}))
"""


def losses_of_two(folder: Path, *changes: str) -> dict[str, Any]:
    """Test losses of a run on two devices, which a process begins with."""
    forced = "--xla_force_host_platform_device_count=2"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {forced}"
    root = Path(devices.__file__).parents[2]
    done = subprocess.run(
        [
            *(sys.executable, "-c", JOB, str(folder / "tiny.yaml")),
            *(str(folder / "run2"), *changes),
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(root)},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.skipif(ONE_DEVICE, reason="torch has one device")
def test_whole_run_on_two_devices(tmp_path: Path) -> None:
    changes = ("data.augment_on=device", "student.training=null")
    path = write_config(tmp_path, epochs=1)
    models = distill(load_config(path, changes), tmp_path / "run1").models
    one = {name: record.loss for name, record in models.items()}
    two = losses_of_two(tmp_path, *changes)
    # TensorFlow's batch statistics are each replica's own.
    tolerance = 1e-4 if BACKEND == "jax" else 0.3
    assert two == pytest.approx(one, rel=tolerance)
