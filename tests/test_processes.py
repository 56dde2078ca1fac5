"""Several processes train one model as one process does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from atsc_keras import processes
from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.data import load_dataset
from atsc_keras.data.array_batches import ArrayTrainingBatches, rows_of_part
from atsc_keras.errors import InputError
from atsc_keras.processes import join_processes, write_atomically
from atsc_keras.records.run import Run
from atsc_keras.training.devices import chosen_devices, placed
from atsc_keras.training.environment import describe_origin
from atsc_keras.training.opening import open_experiment
from atsc_keras.training.phases import Phase, fit_distillation
from tests.tiny import tiny_atsc
from tests.tiny_experiment import history, write_config

BACKEND = keras.backend.backend()
ROOT = Path(processes.__file__).parents[1]
ON_JAX = pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
ELSEWHERE = pytest.mark.skipif(BACKEND == "jax", reason="of the others")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*processes._VARIABLES, "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def fit(config: ExperimentConfig, path: Path) -> None:
    """Distil two small networks, and leave what a run leaves."""
    experiment = open_experiment(config)
    with placed(config):
        keras.utils.set_random_seed(0)
        atsc = tiny_atsc()
        with Run.open(path, describe_origin("distill", experiment)) as run:
            recipe = config.distillation.training
            phase = Phase("distillation", recipe, experiment, run)
            fit_distillation(atsc, phase)
            run.save("student", atsc.student.to_functional())


JOB = """
import sys
from pathlib import Path
from atsc_keras.processes import join_processes
join_processes()
from atsc_keras.config import load_config
from tests.test_processes import fit
fit(load_config(sys.argv[1], ["devices=all"]), Path(sys.argv[2]))
"""


def start(index: int, port: int, *arguments: Path) -> subprocess.Popen:
    """One of two processes, each with one CPU device."""
    one_device = "--xla_force_host_platform_device_count=1"
    place = (f"127.0.0.1:{port}", "2", str(index))
    return subprocess.Popen(
        [sys.executable, "-c", JOB, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {one_device}",
            **dict(zip(processes._VARIABLES, place, strict=True)),
        },
    )


def results(run: Path) -> tuple[list[np.ndarray], list[list[float]]]:
    """The student's weights, and the numbers of every epoch."""
    model = keras.models.load_model(run / "student.keras", compile=False)
    rows = history(run)
    for row in rows:
        del row["phase"]
        # Of one process only.
        row.pop("val_feature_distance", None)
        row.pop("val_teacher_accuracy", None)
    return model.get_weights(), [[float(x) for x in r.values()] for r in rows]


@ON_JAX
def test_two_processes_distil_as_one_does(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = [start(index, port, path, tmp_path / "two") for index in (0, 1)]
    try:
        fit(load_config(path), tmp_path / "one")
        told = [process.communicate(timeout=300) for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], told
    (first, _), (second, _) = told
    assert "== distillation: epochs 1 to 2" in first
    assert "==" not in second

    # Gradients are summed in another order.
    (one, found), (two, same) = (
        results(tmp_path / name) for name in ("one", "two")
    )
    np.testing.assert_allclose(same, found, rtol=1e-5, atol=1e-6)
    for expected, found in zip(one, two, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    saved = (tmp_path / "two" / "checkpoints" / "distillation").iterdir()
    assert len(list(saved)) == 2


def test_parts_of_a_batch_are_the_batch() -> None:
    import tensorflow as tf

    images, labels = np.arange(60.0).reshape(20, 3), np.arange(20)
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(12)
    parts = [list(rows_of_part(batches, index, 4)) for index in range(4)]
    for number, whole in enumerate(batches):
        for place, expected in enumerate(whole):
            found = [part[number][place].numpy() for part in parts]
            np.testing.assert_array_equal(np.concatenate(found), expected)
            assert len({len(rows) for rows in found}) == 1


def test_parts_of_a_batch_of_arrays_are_the_batch(tmp_path: Path) -> None:
    changes = ["data.augment_on=device", "data.batch_size=12"]
    config = load_config(write_config(tmp_path), changes).data
    split = load_dataset(config).train
    batches = ArrayTrainingBatches(split, config, 4, seed=0, start=(0, 0))
    parts = [rows_of_part(batches, index, 3) for index in range(3)]
    assert parts[0].num_batches is None
    whole = keras.tree.flatten(batches[5])
    found = [keras.tree.flatten(part[5]) for part in parts]
    for place, expected in enumerate(whole):
        rows = [arrays[place] for arrays in found]
        np.testing.assert_array_equal(np.concatenate(rows), expected)
        assert {len(x) for x in rows} == {4}


def test_processes_share_all_of_their_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "process_place", lambda: (0, 2))
    config = load_config(write_config(tmp_path), ["devices=2"])
    with pytest.raises(InputError, match="devices=2, 2 processes. Set devices"):
        chosen_devices(config)


def test_folder_that_a_process_does_not_see_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "process_place", lambda: (1, 2))
    monkeypatch.setattr(processes, "wait_for_all", lambda what: None)
    monkeypatch.setattr(processes, "_LONGEST_DELAY", 0.0)
    with pytest.raises(InputError, match="disk that all processes share"):
        write_atomically(tmp_path / "a", lambda path: path.touch())
    assert not list(tmp_path.iterdir())


@ON_JAX
@pytest.mark.parametrize(
    ("count", "index"), [("", ""), ("2", ""), ("2", "2"), ("two", "0")]
)
def test_process_that_does_not_know_its_place_is_refused(
    monkeypatch: pytest.MonkeyPatch, count: str, index: str
) -> None:
    place = ("127.0.0.1:1", count, index)
    for name, value in zip(processes._VARIABLES, place, strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"PROCESS_ID={index}. Set all three"):
        join_processes()


@ELSEWHERE
def test_other_backends_name_the_way_of_jax(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    join_processes()  # one machine
    workers = ["10.0.0.1:1", "10.0.0.2:1"]
    cluster = json.dumps({"cluster": {"worker": workers}, "task": {"index": 0}})
    monkeypatch.setenv("TF_CONFIG", cluster)
    if BACKEND == "tensorflow":
        with pytest.raises(InputError, match="TF_CONFIG of 2.*BACKEND=jax"):
            join_processes()
    else:
        join_processes()  # not torch's
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    with pytest.raises(InputError, match="NUM_PROCESSES=2.*BACKEND=jax"):
        join_processes()
