"""Batches that do not fit, and steps too small to be called one by one."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.config import (
    OptimizerConfig,
    RecipeConfig,
    ScheduleConfig,
    load_config,
)
from atsc_keras.data import load_dataset
from atsc_keras.distillation.atsc import ATSC
from atsc_keras.errors import DivergedError, InputError
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.jobs import train
from atsc_keras.training.recipe_checks import check_recipes
from atsc_keras.training.recipes import build_optimizer
from tests.tiny import batch, tiny_atsc
from tests.tiny_experiment import history, write_config

pytestmark = pytest.mark.usefixtures("unrendered")

BACKEND = keras.backend.backend()
ONE_STEP = BACKEND == "torch"
STEPS = 4  # an epoch


def without_statistics() -> ATSC:
    """ATSC whose batch normalisations stay as they are."""
    keras.utils.set_random_seed(0)
    # A variance is each batch's own too.
    atsc = tiny_atsc(student_loss_weight=0.5, feature_loss="mse")
    for network in (
        atsc.teacher.encoder,
        atsc.student.encoder,
        atsc.student.projectors[0],
    ):
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    atsc.starting_point[1].assign(atsc.starting_point[1] + 0.1)
    return atsc


def optimizer(rate: float, accumulated: int) -> Any:
    recipe = RecipeConfig(epochs=9, schedule=ScheduleConfig(name="constant"))
    asked = OptimizerConfig(
        learning_rate=rate,
        clipnorm=1.0,
        gradient_accumulation_steps=accumulated,
    )
    return build_optimizer(asked, recipe, STEPS)


def learnt(atsc: ATSC) -> list[np.ndarray]:
    """All that is trained: not the power of the first batch's features."""
    trained = atsc.trainable_variables
    return [keras.ops.convert_to_numpy(v).copy() for v in trained]


@pytest.mark.parametrize("own_optimizer", [False, True])
def test_accumulated_batches_equal_the_large_batch(own_optimizer: bool) -> None:
    images, labels = batch(48)
    results = []
    for accumulated in (1, 4):
        atsc = without_statistics()
        before = learnt(atsc)
        atsc.compile(
            optimizer(0.05, accumulated),
            optimizer(0.01, accumulated) if own_optimizer else None,
            teacher_rate=0.2,
        )
        size = 16 // accumulated
        atsc.fit(images, labels, size, 1, verbose=0, shuffle=False)
        results.append(learnt(atsc))
    for start, large, small in zip(before, *results, strict=True):
        assert not np.allclose(start, large, rtol=0, atol=1e-4)
        np.testing.assert_allclose(small, large, rtol=0, atol=1e-5)


def test_milestones_fall_on_their_epochs_when_batches_accumulate() -> None:
    recipe = RecipeConfig(epochs=2, schedule=ScheduleConfig(milestones=(1,)))
    asked = OptimizerConfig(
        learning_rate=0.1,
        momentum=0.0,
        weight_decay=0.0,
        gradient_accumulation_steps=2,
    )
    sgd = build_optimizer(asked, recipe, STEPS)
    weight = keras.Variable([0.0])
    sgd.build([weight])
    places = [0.0]
    for _ in range(2 * STEPS):
        sgd.apply([keras.ops.ones(1)], [weight])
        places.append(-keras.ops.convert_to_numpy(weight)[0])
    expected = [0, 0.1, 0, 0.1, 0, 0.01, 0, 0.01]
    np.testing.assert_allclose(np.diff(places), expected, rtol=0, atol=1e-6)


@pytest.mark.skipif(ONE_STEP, reason="torch executes one step at a time")
def test_steps_of_one_execution_equal_single_ones(tmp_path: Path) -> None:
    # 3 batches for training, 2 for the test.
    path, results = write_config(tmp_path), []
    for asked in (1, 3):
        changes = [f"student.training.steps_per_execution={asked}"]
        folder = tmp_path / f"run{asked}"
        train(load_config(path, changes), folder, role="student")
        found = history(folder)
        for row in found:
            del row["phase"]
        rows = [[float(x) for x in row.values()] for row in found]
        model = keras.models.load_model(folder / "model.keras")
        results.append((rows, model.get_weights()))
    (single, weights), (together, same) = results
    np.testing.assert_allclose(together, single, rtol=1e-5)
    for expected, found in zip(weights, same, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.skipif(ONE_STEP, reason="torch executes one step at a time")
def test_divergence_within_an_execution_is_found(tmp_path: Path) -> None:
    changes = [
        "data.batch_size=8",
        "student.training.steps_per_execution=2",
        "student.training.optimizer.learning_rate=1e+30",
    ]
    config = load_config(write_config(tmp_path), changes)
    with pytest.raises(DivergedError, match="at epoch 1, step [246]\\."):
        train(config, tmp_path / "run", role="student")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "distillation.training.steps_per_execution=2",
            "On torch" if ONE_STEP else "must divide.*3 batches. Use 1",
        ),
        ("teacher.training.steps_per_execution=2", "teacher.training.steps"),
        (
            "methods.kd.training={epochs: 1, steps_per_execution: 2}",
            "methods.kd.training.steps_per_execution=2",
        ),
    ],
)
def test_executions_that_cannot_be_are_refused_before_training(
    tmp_path: Path, change: str, message: str
) -> None:
    config = load_config(write_config(tmp_path), [change])
    with pytest.raises(InputError, match=message):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("distillation.training.jit_compile=true", "several CPU devices"),
        (
            "distillation.teacher_optimizer.gradient_accumulation_steps=2",
            "cannot accumulate gradients. Received: distillation.teacher_opt",
        ),
    ],
)
def test_what_replicas_of_tensorflow_cannot_do_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, message: str
) -> None:
    names = ["cpu:0", "cpu:1"]
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: names)
    path = write_config(tmp_path)
    config = load_config(path, [change, "devices=2"])
    dataset = load_dataset(config.data)
    with pytest.raises(InputError, match=message):
        check_recipes(Experiment(config, dataset))
    check_recipes(Experiment(load_config(path, [change]), dataset))
