"""Several teachers of a run, and teachers that adapt in part."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.config import load_config
from atsc_keras.errors import InputError
from atsc_keras.training.jobs import distill, evaluate, train
from tests.markers import ONCE
from tests.tiny_experiment import history, write_config

pytestmark = pytest.mark.usefixtures("unrendered", "eager_steps")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained one."""
    folder = tmp_path_factory.mktemp("runs")
    train(load_config(write_config(folder)), folder / "run")
    return folder / "run" / "model.keras"


def student_weights(run: Path) -> list[np.ndarray]:
    return keras.models.load_model(run / "student.keras").get_weights()


def foreign_teacher(path: Path) -> None:
    """A classifier of another kind, which normalises in its own way."""
    images = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax")(x)
    keras.Model(images, x).save(path)


# The foreign one has never been trained.
@pytest.mark.usefixtures("optimized")  # its pooler takes maxima
@pytest.mark.filterwarnings("ignore:The teacher 2 is at chance")
def test_two_teachers_run_end_to_end(teacher: Path, tmp_path: Path) -> None:
    foreign_teacher(tmp_path / "foreign.keras")
    path = write_config(
        tmp_path,
        epochs=2,
        teacher=[
            {
                "network": "tiny_teacher",
                "weights": str(teacher),
            },
            {"network": "foreign", "weights": str(tmp_path / "foreign.keras")},
        ],
        student={"network": "tiny"},
    )
    config = load_config(path)
    metrics = distill(config, tmp_path / "run")
    assert {"teacher_1", "teacher_2", "adapted_teacher_2"} <= set(
        metrics.models
    )
    columns = history(tmp_path / "run")[0].keys()
    assert {"feature_loss_1", "feature_loss_2", "teacher_loss_2"} <= columns
    scores = evaluate(config, tmp_path / "run" / "student.keras")
    expected = metrics.models["student"]
    assert scores.accuracy == expected.accuracy
    whole = student_weights(tmp_path / "run")
    for name in ("student", "adapted_teacher_2"):
        (tmp_path / "run" / f"{name}.keras").unlink()
    newest = "checkpoints/distillation/epoch-00002.npz"
    (tmp_path / "run" / newest).write_bytes(b"")
    distill(config, tmp_path / "run", resume=True)
    again = student_weights(tmp_path / "run")
    for one, two in zip(whole, again, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def distil_partly(
    original: Path, folder: Path, trainable: list[str]
) -> dict[str, list[bool]]:
    """Which weights of the teacher have moved, by layer."""
    path = write_config(
        folder,
        epochs=1,
        teacher={
            "network": "tiny_teacher",
            "weights": str(original),
            "trainable": trainable,
        },
        student={"network": "tiny"},
    )
    distill(load_config(path), folder / "run")
    before, after = (
        {
            layer.name: layer.get_weights()
            for layer in flat_layers(keras.models.load_model(file))
            if layer.weights
        }
        for file in (original, folder / "run" / "adapted_teacher.keras")
    )
    return {
        name: [
            not np.array_equal(one, two)
            for one, two in zip(weights, after[name], strict=True)
        ]
        for name, weights in before.items()
    }


def flat_layers(model: keras.Model) -> list[Any]:
    return [
        leaf
        for layer in model.layers
        for leaf in (
            flat_layers(layer) if isinstance(layer, keras.Model) else [layer]
        )
    ]


def test_teacher_adapts_where_the_config_says(
    teacher: Path, tmp_path: Path
) -> None:
    moved = distil_partly(teacher, tmp_path, ["stage3_.*"])
    for name, weights in moved.items():
        adapts = name.startswith("stage3_") or name == "classifier"
        assert all(weights) if adapts else not any(weights), name


def test_teacher_that_adapts_nowhere_stays_whole(
    teacher: Path, tmp_path: Path
) -> None:
    moved = distil_partly(teacher, tmp_path, [])
    assert not any(sum(moved.values(), []))


def test_pattern_that_matches_nothing_starts_no_run(
    teacher: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="Received: 'stage4'"):
        distil_partly(teacher, tmp_path, ["stage3_.*", "stage4"])
    assert not (tmp_path / "run").exists()


@ONCE
@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
def test_library_weights_are_trained_for_the_task(tmp_path: Path) -> None:
    network = "keras.applications/MobileNet(alpha=0.25)"
    weights = tmp_path / "library.weights.h5"
    keras.applications.MobileNet(
        alpha=0.25, input_shape=(32, 32, 3), weights=None, classes=1000
    ).save_weights(weights)
    teacher: dict[str, Any] = {"network": network, "weights": str(weights)}
    path = write_config(tmp_path, epochs=1, teacher=teacher)
    with pytest.raises(InputError, match="which know others, data with 3"):
        distill(load_config(path, ["data.image_size=32"]), tmp_path / "run")
    teacher["training"] = {"epochs": 1, "optimizer": {"learning_rate": 1e-9}}
    student = {"network": network, "weights": str(weights)}
    path = write_config(tmp_path, epochs=1, teacher=teacher, student=student)
    config = load_config(path, ["data.image_size=32"])
    distill(config, tmp_path / "run")
    own = keras.models.load_model(tmp_path / "run" / "teacher.keras")
    found = [w for w in flat_layers(own) if w.name == "conv_pw_13"]
    expected = keras.applications.MobileNet(
        alpha=0.25, input_shape=(32, 32, 3), weights=str(weights)
    ).get_layer("conv_pw_13")
    np.testing.assert_allclose(
        found[0].get_weights()[0], expected.get_weights()[0], atol=1e-6
    )
    rows = history(tmp_path / "run")
    assert [row["phase"] for row in rows] == ["teacher", "distillation"]


def test_library_weights_are_for_networks_of_the_library(
    tmp_path: Path,
) -> None:
    teacher = {"network": "resnet8", "weights": "imagenet"}
    config = load_config(write_config(tmp_path, teacher=teacher))
    with pytest.raises(InputError, match="file for resnet8. Received"):
        distill(config, tmp_path / "run")
