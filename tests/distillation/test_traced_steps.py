"""TensorFlow's traced step is the eager one, which `eager_steps` asks for."""

import gc
from collections.abc import Callable

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.methods.hints import Attention
from atsc_keras.training.supervised import Supervised
from tests.markers import ON_TENSORFLOW
from tests.tiny import CLASSES, batch, sgd, tiny_encoder, tiny_teacher

TERMS = {"student_loss_weight": 0.5, "logits_loss_weight": 0.3}


def atsc() -> keras.Model:
    return ATSC(
        [tiny_teacher(8), tiny_teacher(6, strides=1)],
        tiny_encoder(4),
        feature_loss="normalized_mse",
        l2sp_scope="kernels",
        **TERMS,
    )


def kd() -> keras.Model:
    return KnowledgeDistillation(
        tiny_teacher(8),
        tiny_teacher(4),
        transfer=Attention(),
        warmup_epochs=2,
        **TERMS,
    )


def supervised() -> keras.Model:
    return Supervised(tiny_teacher(4))


@ON_TENSORFLOW
@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("build", [atsc, kd])
def test_traced_step_is_the_eager_one(
    build: Callable[[], keras.Model], one_hot: bool
) -> None:
    images, labels = batch()
    weights = np.linspace(0, 2, len(labels))
    loss = None
    if one_hot:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        labels = np.eye(CLASSES, dtype="float32")[labels]
    found = []
    for eagerly in (True, False):
        keras.utils.set_random_seed(0)
        trainer = build()
        trainer.compile(optimizer=sgd(), loss=loss, run_eagerly=eagerly)
        logs = [
            trainer.train_on_batch(images, labels, weights, return_dict=True)
            for _ in range(2)
        ]
        logs.append(trainer.test_on_batch(images, labels, return_dict=True))
        found.append((logs, trainer.get_weights()))
    (eager, eager_weights), (traced, traced_weights) = found
    for one, other in zip(eager, traced, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_allclose(other[name], one[name], rtol=1e-4)
    for one, other in zip(eager_weights, traced_weights, strict=True):
        # Of float32: two orders of summation.
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)


@ON_TENSORFLOW
@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("build", [atsc, kd])
def test_step_is_traced_once(
    build: Callable[[], keras.Model],
    one_hot: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TensorFlow traces a second time what makes a variable in the first."""
    images, labels = batch()
    loss = None
    if one_hot:
        loss = "categorical_crossentropy"
        labels = np.eye(CLASSES, dtype="float32")[labels]
    trainer = build()
    trainer.compile(sgd(), loss=loss, metrics=["accuracy"])
    traced = []
    update = trainer.update
    monkeypatch.setattr(
        type(trainer), "update", lambda _, x: traced.append(1) or update(x)
    )
    logs = trainer.fit(images, labels, batch_size=4, verbose=0).history
    assert traced == [1]
    right = trainer.predict(images, verbose=0).argmax(-1) == np.arange(8) % 4
    scores = trainer.evaluate(images, labels, verbose=0, return_dict=True)
    assert scores["accuracy"] == np.mean(right)
    assert "accuracy" in logs


@ON_TENSORFLOW
@pytest.mark.parametrize("build", [atsc, kd, supervised])
def test_what_was_traced_goes_with_its_trainer(
    build: Callable[[], keras.Model],
) -> None:
    """A comparison trains hundreds of networks in one process."""

    def graphs_after_training() -> int:
        trainer = build()
        trainer.compile(sgd(), loss="sparse_categorical_crossentropy")
        trainer.fit(*batch(), verbose=0)
        del trainer
        keras.utils.clear_session()
        gc.collect()
        return sum(type(x).__name__ == "FuncGraph" for x in gc.get_objects())

    assert graphs_after_training() == graphs_after_training()
