"""Data of one's own take the place of what a config would load."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atsc_keras import Dataset
from atsc_keras.benchmarking.benchmark import benchmark
from atsc_keras.benchmarking.steps import BenchmarkSettings
from atsc_keras.comparing.comparison import compare
from atsc_keras.config import load_config
from atsc_keras.errors import InputError
from atsc_keras.training.jobs import distill, evaluate, evaluate_run, train
from tests.tiny_experiment import write_config


def arrays(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "data.npz") as file:
        return dict(file)


def test_given_arrays_train_as_the_same_file_does(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, epochs=1))
    given = Dataset.from_arrays(**arrays(tmp_path))
    loaded = train(config, tmp_path / "loaded")
    # Nothing is read: the file is gone.
    (tmp_path / "data.npz").unlink()
    own = train(config, tmp_path / "given", dataset=given)
    assert own.models["teacher"].loss == pytest.approx(
        loaded.models["teacher"].loss, rel=1e-5
    )
    model = tmp_path / "given/model.keras"
    scores = evaluate(config, model, dataset=given)
    assert scores.accuracy == own.models["teacher"].accuracy
    assert distill(config, tmp_path / "distilled", dataset=given).models
    summary = compare(
        *(config, tmp_path / "all", ("kd",)),
        dataset=given,
        learning_rates=(1e-9, 0.05),
    )
    assert summary.train_examples == len(given.train)
    tried = tmp_path / "all/rates/kd_rate0.05/metrics.json"
    # A tenth of the 16 images of each of 3 classes is held out.
    assert json.loads(tried.read_text())["test_examples"] == 6
    settings = BenchmarkSettings(steps=2, memory=False)
    timed = benchmark(config, tmp_path / "timed", settings, dataset=given)
    assert timed.image_shape == (8, 8, 3)


def test_other_data_or_teachers_are_no_continuation(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, epochs=1))
    train(config, tmp_path / "trained")
    teacher = tmp_path / "trained" / "model.keras"
    config = load_config(tmp_path / "tiny.yaml", [f"teacher.weights={teacher}"])
    jobs = {
        "distilled": distill,
        "compared": lambda *a, **k: compare(*a, methods=("student",), **k),
    }
    for name, job in jobs.items():
        job(config, tmp_path / name)
    given = arrays(tmp_path)
    changed = given["x_train"].copy()
    changed[0, 0, 0, 0] ^= 1
    other = Dataset.from_arrays(**{**given, "x_train": changed})
    message = r"other data: digest \w{16} instead of \w{16}"
    for name, job in jobs.items():
        with pytest.raises(InputError, match=message):
            job(config, tmp_path / name, dataset=other, resume=True)
    # The same pictures in another file, and the same teacher in another.
    np.savez(tmp_path / "moved.npz", **given)
    copied = shutil.copy(teacher, tmp_path / "copied.keras")
    words = [
        f"data.path={tmp_path / 'moved.npz'}",
        f"teacher.weights={copied}",
    ]
    elsewhere = load_config(tmp_path / "tiny.yaml", words)
    for name, job in jobs.items():
        job(elsewhere, tmp_path / name, resume=True)
    with zipfile.ZipFile(copied, "a") as file:
        file.comment = b"another"
    for name, job in jobs.items():
        with pytest.raises(InputError, match="other weights"):
            job(elsewhere, tmp_path / name, resume=True)
    np.savez(tmp_path / "moved.npz", **{**given, "x_test": given["x_test"] + 1})
    with pytest.raises(InputError, match="evaluated on the data that it was"):
        evaluate_run(tmp_path / "distilled")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"image_size": 16}, "data.image_size=16, a dataset with image_size=8"),
        ({"classes": 2}, "data.classes=2"),
        ({"mean": [1.0, 2.0, 3.0]}, "data.mean="),
        ({"batch_size": 64}, "batch_size=64, 48 images"),
    ],
)
def test_data_that_do_not_fit_the_config_are_refused(
    tmp_path: Path, data: dict[str, Any], message: str
) -> None:
    config = load_config(write_config(tmp_path, data=data))
    given = Dataset.from_arrays(**arrays(tmp_path))
    with pytest.raises(InputError, match=message):
        train(config, tmp_path / "run", dataset=given)
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_done_with_given_data_is_said(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    given = Dataset.from_arrays(**arrays(tmp_path))
    run = tmp_path / "run"
    with pytest.raises(InputError, match="Dataset.from_arrays"):
        train(config, run, dataset=arrays(tmp_path))
    with pytest.raises(InputError, match="Dataset.from_arrays"):
        compare(config, run, dataset=arrays(tmp_path), learning_rates=(0.1,))
    with pytest.raises(InputError, match="memory=False"):
        benchmark(config, run, dataset=given)
    few = Dataset(given.train, given.test, ("a", "b"), given.image_shape)
    with pytest.raises(InputError, match="label 2 in train, 2 class names"):
        train(config, run, dataset=few)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x_train": np.zeros((48, 8, 8, 3))}, "whole numbers from 0 to 255"),
        ({"y_test": np.full(24, 3)}, "test label 3"),
        ({"y_train": np.zeros(47, int)}, "47 labels, 48 images"),
        ({"x_test": np.full((24, 4, 4, 3), 9, "uint8")}, "same size"),
        ({"class_names": ("a", "b")}, "which has 2 classes"),
        ({"class_names": (0, 1, 2)}, "must be texts of .* Received: 0, a int"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    write_config(tmp_path)
    with pytest.raises(InputError, match=message):
        Dataset.from_arrays(**{**arrays(tmp_path), **changed})
