"""What is trained already learns at a part of the student's rate."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.errors import InputError
from tests.tiny import (
    batch,
    sgd,
    tiny_atsc,
    tiny_encoder,
    tiny_teacher,
    values,
)

pytestmark = pytest.mark.usefixtures("eager_steps")


def change(atsc: ATSC, optimizer: Any, **arguments: Any) -> list[Any]:
    """How far one step moves encoder, classifier and student."""
    atsc.compile(optimizer, **arguments)
    parts = (atsc.teacher.encoder, atsc.teacher.classifier)
    parts += (atsc.student.encoder,)
    before = [[np.array(v) for v in p.trainable_variables] for p in parts]
    atsc.train_on_batch(*batch())
    return [
        [
            np.array(v) - old
            for v, old in zip(p.trainable_variables, olds, strict=True)
        ]
        for p, olds in zip(parts, before, strict=True)
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        lambda: keras.optimizers.SGD(
            keras.optimizers.schedules.CosineDecay(0.1, 10)
        ),
        lambda: keras.optimizers.AdamW(0.1, weight_decay=0.0, clipnorm=1.0),
        lambda: sgd(0.1),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ],
    ids=["sgd", "schedule", "adamw", "coupled", "scaled"],
)
def test_teacher_takes_a_part_of_each_step_of_the_optimizer(make: Any) -> None:
    one, part = tiny_atsc(), tiny_atsc()
    part.set_weights(one.get_weights())
    at_one = change(one, make(), teacher_rate=1.0)
    at_part = change(part, make(), teacher_rate=0.25)
    for scale, whole, found in zip(
        (0.25, 0.25, 1), at_one, at_part, strict=True
    ):
        for expected, actual in zip(whole, found, strict=True):
            np.testing.assert_allclose(
                actual, scale * expected, rtol=1e-3, atol=1e-6
            )
    assert np.abs(at_one[0][0]).max() > 1e-3


def test_teachers_rate_follows_what_a_callback_sets() -> None:
    atsc = tiny_atsc()
    atsc.compile(keras.optimizers.SGD(0.1))
    halved = keras.callbacks.LearningRateScheduler(lambda n: 0.5**n)
    logs = atsc.fit(*batch(), epochs=3, verbose=0, callbacks=[halved]).history
    assert logs["learning_rate"] == [1.0, 0.5, 0.25]
    for name in ("teacher_learning_rate", "classifier_learning_rate"):
        assert logs[name] == pytest.approx([0.01, 0.005, 0.0025])


def test_given_optimizers_keep_their_rate() -> None:
    atsc = tiny_atsc()
    atsc.compile(sgd(0.1), teacher_optimizer=sgd(0.03))
    logs = atsc.fit(*batch(), verbose=0).history
    assert logs["teacher_learning_rate"] == [pytest.approx(0.03)]
    assert logs["classifier_learning_rate"] == [pytest.approx(0.001)]


def test_one_rate_or_a_teacher_that_stays_needs_one_optimizer() -> None:
    given = sgd(0.1)
    frozen = tiny_teacher()
    frozen.trainable = False
    one_rate = tiny_atsc()
    one_rate.compile(given, teacher_rate=1.0)
    stays = ATSC(frozen, tiny_encoder(4))
    stays.compile(given)
    fixed = KnowledgeDistillation(tiny_teacher(), tiny_teacher(4))
    fixed.compile(given)
    for trainer in (one_rate, stays, fixed):
        assert trainer.optimizer is given
        assert trainer.optimizers == {"optimizer": given}


def test_routing_of_the_users_own_is_left_to_it() -> None:
    own = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(
            keras.optimizers.SGD(0.1), {"conv": keras.optimizers.SGD(0.2)}
        )
    )
    atsc = tiny_atsc()
    atsc.compile(own)
    assert atsc.optimizer is own
    before = values(atsc.teacher)
    logs = atsc.fit(*batch(), verbose=0).history
    assert logs["learning_rate"] == [pytest.approx(0.1)]
    assert any(
        np.any(a != b)
        for a, b in zip(before, values(atsc.teacher), strict=True)
    )


@pytest.mark.parametrize(
    "arguments",
    [{}, {"teacher_rate": 0.0}, {"teacher_optimizer": sgd(0.0)}],
)
def test_statistics_of_a_teacher_move_as_its_layers_say(
    arguments: dict[str, Any],
) -> None:
    atsc = tiny_atsc()
    norm = atsc.teacher.encoder.layers[3]
    norm.momentum = 0.0
    atsc.compile(sgd(0.1), **arguments)
    images, labels = batch()
    inner = keras.Model(atsc.teacher.encoder.inputs, norm.input)
    expected = inner.predict(images, verbose=0).mean(axis=(0, 1, 2))
    atsc.train_on_batch(images, labels)
    np.testing.assert_allclose(
        np.array(norm.moving_mean), expected, rtol=1e-4, atol=1e-6
    )


def test_rate_is_saved(tmp_path: Path) -> None:
    atsc = tiny_atsc()
    atsc.compile(keras.optimizers.Adam(0.01), teacher_rate=0.5)
    atsc.train_on_batch(*batch())
    atsc.save(tmp_path / "atsc.keras")
    loaded = keras.models.load_model(tmp_path / "atsc.keras")
    assert loaded.teacher_rate == 0.5
    for trainer in (atsc, loaded):
        trainer.train_on_batch(*batch(seed=1))
    for one, two in zip(values(atsc), values(loaded), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rate", [-0.1, float("nan"), "slow", True])
def test_rates_that_are_none_are_refused(rate: Any) -> None:
    with pytest.raises(InputError, match="teacher_rate"):
        tiny_atsc().compile(sgd(), teacher_rate=rate)
