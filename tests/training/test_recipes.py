"""Schedules and optimizers are the ones that the config words."""

from pathlib import Path

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
from atsc_keras.distillation.coupled_sgd import CoupledSGD
from atsc_keras.errors import InputError
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.recipe_checks import check_recipes
from atsc_keras.training.recipes import build_optimizer, build_schedule
from tests.reference import golden, under
from tests.tiny_experiment import write_config

pytestmark = pytest.mark.usefixtures("unrendered")

PUBLISHED = under(golden("units"), "lr_schedule")
STEPS = 7  # an epoch


def rates(schedule: ScheduleConfig, start: float, epochs: int) -> np.ndarray:
    """Learning rate of every step, a row an epoch."""
    built = build_schedule(schedule, start, epochs, STEPS)
    flat = [float(built(step)) for step in range(epochs * STEPS)]
    return np.reshape(flat, (epochs, STEPS))


@pytest.mark.parametrize(
    ("name", "milestones"),
    [
        ("cifar", (150, 180, 210)),
        ("cifar_small_nets", (150, 180, 210)),
        ("imagenet", (30, 60, 90)),
    ],
)
def test_steps_fall_where_the_published_ones_do(
    name: str, milestones: tuple[int, ...]
) -> None:
    expected = PUBLISHED[f"{name}/lr_by_epoch_from_1"]
    schedule = ScheduleConfig(milestones=milestones)
    actual = rates(schedule, float(expected[0]), len(expected))
    np.testing.assert_allclose(
        actual, np.repeat(expected[:, None], STEPS, axis=1), rtol=1e-5
    )


def test_milestones_after_the_end_change_nothing() -> None:
    schedule = ScheduleConfig(milestones=(2, 150))
    np.testing.assert_allclose(
        rates(schedule, 1.0, 3)[:, -1], [1.0, 1.0, 0.1], rtol=1e-6
    )


def test_constant_stays_and_cosine_falls_to_nothing() -> None:
    assert set(rates(ScheduleConfig(name="constant"), 0.5, 2).flat) == {0.5}
    cosine = rates(ScheduleConfig(name="cosine"), 0.5, 4).reshape(-1)
    steps = np.arange(4 * STEPS) / (4 * STEPS)
    expected = 0.25 * (1 + np.cos(np.pi * steps))
    np.testing.assert_allclose(cosine, expected, rtol=1e-5, atol=1e-7)


def test_warm_up_rises_linearly_to_the_schedule() -> None:
    plain = ScheduleConfig(milestones=(3,))
    warm = ScheduleConfig(milestones=(3,), warmup_epochs=2)
    expected = rates(plain, 0.1, 4)
    expected[:2] *= (np.arange(1, 2 * STEPS + 1) / (2 * STEPS)).reshape(2, -1)
    np.testing.assert_allclose(rates(warm, 0.1, 4), expected, rtol=1e-5)


def test_warm_up_survives_saving() -> None:
    schedule = build_schedule(
        ScheduleConfig(milestones=(3,), warmup_epochs=2), 0.1, 4, STEPS
    )
    config = keras.saving.serialize_keras_object(schedule)
    again = keras.saving.deserialize_keras_object(config)
    for step in (0, 5, 14, 21):
        assert float(again(step)) == float(schedule(step))


def distances(learning_rate: float, nesterov: bool) -> list[float]:
    """Of a weight from its start, under L2-SP of weight 3 alone."""
    optimizer = CoupledSGD(learning_rate, momentum=0.5, nesterov=nesterov)
    weight = keras.Variable([1.0])
    optimizer.build([weight])
    found = []
    for _ in range(60):
        optimizer.apply([2 * 3.0 * weight.value])
        found.append(abs(float(keras.ops.convert_to_numpy(weight)[0])))
    return found


@pytest.mark.parametrize("nesterov", [False, True])
def test_learning_rate_at_which_l2sp_diverges_is_refused(
    tmp_path: Path, nesterov: bool
) -> None:
    limit = 2 * 1.5 / 6 / (2 if nesterov else 1)
    assert distances(0.97 * limit, nesterov)[-1] < 1
    assert distances(1.03 * limit, nesterov)[-1] > 1
    path = write_config(tmp_path)

    def check(learning_rate: float, *changes: str) -> None:
        optimizer = (
            f"{{learning_rate: {learning_rate}, momentum: 0.5, "
            f"nesterov: {str(nesterov).lower()}, weight_decay: 0.0}}"
        )
        config = load_config(
            path,
            [
                "distillation.l2sp_weight=3.0",
                f"distillation.teacher_optimizer={optimizer}",
                *changes,
            ],
        )
        check_recipes(Experiment(config, load_dataset(config.data)))

    check(0.97 * limit)
    with pytest.raises(InputError, match=f"must be under {limit:.3g}, where"):
        check(1.03 * limit)
    check(1.03 * limit, "distillation.l2sp_weight=2.0")
    check(1.03 * limit, "teacher.trainable=[]")


def test_sgd_is_coupled_and_takes_every_setting() -> None:
    config = OptimizerConfig(
        learning_rate=0.3,
        momentum=0.8,
        nesterov=True,
        weight_decay=1e-3,
        clipnorm=2.0,
    )
    recipe = RecipeConfig(epochs=2, schedule=ScheduleConfig(name="constant"))
    sgd = build_optimizer(config, recipe, STEPS)
    assert isinstance(sgd, CoupledSGD)
    assert float(sgd.learning_rate) == pytest.approx(0.3)
    assert (sgd.momentum, sgd.nesterov, sgd.clipnorm) == (0.8, True, 2.0)
    assert sgd.coupled_weight_decay == 1e-3


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_optimizer_limits_all_gradients_together(name: str) -> None:
    config = OptimizerConfig(name=name, global_clipnorm=2.0)
    recipe = RecipeConfig(epochs=2, schedule=ScheduleConfig(name="constant"))
    optimizer = build_optimizer(config, recipe, STEPS)
    assert optimizer.clipnorm is None
    assert optimizer.global_clipnorm == 2.0


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adam", keras.optimizers.Adam), ("adamw", keras.optimizers.AdamW)],
)
def test_adam_is_kerass_own(name: str, kind: type) -> None:
    config = OptimizerConfig(name=name, learning_rate=1e-3, weight_decay=0.01)
    adam = build_optimizer(config, RecipeConfig(epochs=2), STEPS)
    assert type(adam).__name__ == kind.__name__  # a subclass on torch
    assert isinstance(adam, kind)
    assert adam.weight_decay == 0.01


def test_optimizer_that_never_updates_is_refused(tmp_path: Path) -> None:
    path = write_config(tmp_path)  # 2 epochs of 3 batches
    key = "gradient_accumulation_steps"
    for place in ("training.optimizer", "teacher_optimizer"):
        config = load_config(path, [f"distillation.{place}.{key}=7"])
        with pytest.raises(InputError, match=f"{place}.{key}=7, 6 batches"):
            check_recipes(Experiment(config, load_dataset(config.data)))
    config = load_config(path, [f"student.training.optimizer.{key}=6"])
    check_recipes(Experiment(config, load_dataset(config.data)))
