"""Weighed classes and mixed labels, through whole phases."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from atsc_keras.comparing.comparison import compare
from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.data import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.training.jobs import distill, train
from tests.tiny import tiny_encoder
from tests.tiny_experiment import history, write_config

pytestmark = pytest.mark.usefixtures("unrendered", "eager_steps")


def _history(folder: Path, job: str, *overrides: str) -> list[dict[str, Any]]:
    """What a run of one step a phase logged."""
    config = load_config(
        write_config(folder, epochs=1),
        [
            # One batch an epoch, so that its loss is that of the start.
            "data.batch_size=48",
            "data.crop_padding=0",
            "data.flip=false",
            *overrides,
        ],
    )
    run = folder / f"run {len(overrides)} {job}"
    if job == "distill":
        distill(config, run)
    else:
        train(config, run)
    return history(run)


ALONE = "student.training=null"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What teacher and distillation log where nothing is weighed or mixed."""
    return _history(tmp_path_factory.mktemp("plain"), "distill", ALONE)


def test_class_weights_weigh_their_own_class(
    plain: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert plain[0]["phase"] == "teacher"
    alike = float(plain[0]["loss"])
    by_class = []
    for name in "012":
        (tmp_path / name).mkdir()
        weight = f"teacher.training.class_weight={{'{name}': 3.0}}"
        by_class.append(
            float(_history(tmp_path / name, "train", weight)[-1]["loss"])
        )
    # Three weights of 3 in turn: 1 + 1 + 3 times every image's loss.
    assert sum(by_class) == pytest.approx(5 * alike, rel=1e-4)
    assert min(by_class) > alike
    assert len(set(by_class)) == 3


def test_class_weights_reach_distillation(
    plain: list[dict[str, Any]], tmp_path: Path
) -> None:
    weight = "distillation.training.class_weight={0: 3, 1: 3, 2: 3}"
    tripled = _history(tmp_path, "distill", ALONE, weight)[-1]
    for key in ("teacher_loss", "feature_loss"):
        expected = pytest.approx(3 * float(plain[-1][key]), rel=1e-4)
        assert float(tripled[key]) == expected, key


MIXED = "data.augmentations=[{name: mixup}, {name: cutmix}]"


def test_mixed_labels_train_teacher_student_and_distillation(
    tmp_path: Path,
) -> None:
    config = load_config(write_config(tmp_path, epochs=1), [MIXED])
    metrics = distill(config, tmp_path / "run")
    for row in history(tmp_path / "run"):
        assert np.isfinite(float(row["loss"])), row["phase"]
        assert 0 <= float(row["val_accuracy"]) <= 1
    models = metrics.models
    # What `fit` saw with rows and `evaluate` with class numbers is the same.
    last = history(tmp_path / "run")[-1]
    assert float(last["val_accuracy"]) == pytest.approx(
        models["student"].accuracy
    )
    assert float(last["val_top5_accuracy"]) == 1.0


def test_rows_that_mix_nothing_give_the_loss_of_class_numbers(
    plain: list[dict[str, Any]], tmp_path: Path
) -> None:
    never = "data.augmentations=[{name: mixup, probability: 1e-9}]"
    rows = _history(tmp_path, "distill", ALONE, never)
    for first, second in zip(plain, rows, strict=True):
        for key in ("loss", "accuracy", "val_accuracy", "top5_accuracy"):
            expected = pytest.approx(float(first[key]), rel=1e-4)
            assert float(second[key]) == expected, (first["phase"], key)


def test_mixed_labels_refuse_a_teacher_of_more_classes(tmp_path: Path) -> None:
    teacher = ImageClassifier(
        tiny_encoder(6), keras.layers.Dense(5, name="classifier")
    )
    teacher(np.zeros((1, 8, 8, 3), np.float32))
    teacher.to_functional().save(tmp_path / "teacher.keras")
    overrides = [
        "teacher.network=mine",
        f"teacher.weights={tmp_path / 'teacher.keras'}",
    ]
    config = load_config(write_config(tmp_path), [*overrides, MIXED])
    assert isinstance(config, ExperimentConfig)
    assert len(load_dataset(config.data).class_names) == 3
    with pytest.raises(InputError, match="mine with 5 classes, data with 3"):
        distill(config, tmp_path / "run")


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the exporter never sees the backend: once is enough",
)
def test_names_of_folders_reach_report_and_export(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0)
    names = ["Äpfel", "pears & <plums>"]
    for split, label in ((s, n) for s in ("train", "test") for n in range(2)):
        folder = tmp_path / "fruit" / split / names[label]
        folder.mkdir(parents=True)
        for number in range(8):
            # Grey, and each of another size.
            shape = (10 + number, 14 + number)
            pixels = numbers.integers(0, 99, shape) + 150 * label
            image = Image.fromarray(pixels.astype(np.uint8))
            image.save(folder / f"{number}.{'png' if number % 2 else 'jpg'}")
    data = {
        "source": "folder",
        "path": str(tmp_path / "fruit"),
        "image_size": 8,
        "batch_size": 8,
        "crop_area": [0.3, 1.0],
        "evaluation_resize": 9,
        "augmentations": [{"name": "rand_augment"}],
    }
    path = write_config(tmp_path, epochs=1, data=data)
    config = load_config(path, ["student.training=null"])
    metrics = distill(config, tmp_path / "run")
    assert list(metrics.class_names) == sorted(names)
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Äpfel" in page and "pears &amp; &lt;plums&gt;" in page
    # What `--export` writes into the ONNX file.
    saved = json.loads((tmp_path / "run" / "class_names.json").read_text())
    assert saved == list(load_dataset(config.data).class_names) == sorted(names)


def test_mixed_labels_train_methods_of_a_fixed_teacher(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, epochs=1), [MIXED])
    compare(config, tmp_path / "run", methods=["kd", "dkd"], seeds=[0])
    for run in sorted((tmp_path / "run" / "runs").iterdir()):
        rows = history(run)
        assert rows and all(np.isfinite(float(r["loss"])) for r in rows)
