"""Methods of a fixed teacher train on one harness."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import layers, ops

from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.distillation.transfer_loss import (
    TrainingSet,
    load_transfer_loss,
)
from atsc_keras.errors import InputError
from atsc_keras.methods.hints import Hint
from atsc_keras.methods.registry import METHODS
from atsc_keras.models.image_classifier import ImageClassifier
from tests.reference import CLASSES as GOLDEN_CLASSES
from tests.reference import (
    encoder,
    golden,
    is_statistic,
    load,
    pair_a,
    pair_a_batch,
    pair_a_sgd,
    under,
    values,
    variables,
)
from tests.tiny import batch, moved, sgd, tiny_teacher
from tests.tiny import values as weights_of

FIXED = [m for m, p in METHODS.items() if p.kind == "fixed_teacher"]
WITH_A_LOSS = [m for m, p in METHODS.items() if p.loss]
DATA = TrainingSet(images=100, batch_size=8)


def tiny(method: str = "kd", **settings: Any) -> KnowledgeDistillation:
    published = METHODS[method]
    given = {
        "transfer": published.loss
        and load_transfer_loss(published.loss).for_training_set(DATA),
        "transfer_weight": published.transfer_weight,
        "logits_loss_weight": published.logits_weight,
        **settings,
    }
    return KnowledgeDistillation(tiny_teacher(8), tiny_teacher(4), **given)


def test_kd_equals_the_reference() -> None:
    trace, start = golden("pair_a_kd"), golden("pair_a_start")
    features = encoder(8, (6, 8, 10, 14))
    dense = layers.Dense(GOLDEN_CLASSES, name="classifier")
    student = ImageClassifier(features, dense)
    load(
        variables(features, dense),
        {**under(start, "init/student"), **under(trace, "init/student")},
    )
    trainer = KnowledgeDistillation(
        pair_a().teacher, student, logits_loss_weight=1.0
    )
    trainer.compile(optimizer=pair_a_sgd())
    for step in (1, 2, 3):
        trainer.reset_metrics()
        logs = trainer.train_on_batch(*pair_a_batch(step), return_dict=True)
        for ours, theirs in (
            ("loss", "loss"),
            ("student_loss", "loss_cls"),
            ("logits_loss", "loss_div"),
        ):
            np.testing.assert_allclose(
                logs[ours], trace[f"step{step}/{theirs}"], rtol=1e-5
            )
    expected = under(trace, "step3/after1/student")
    for name, value in values(variables(features, dense)).items():
        if not is_statistic(name):
            np.testing.assert_allclose(
                value, expected[name], rtol=0, atol=1e-5, err_msg=name
            )


def test_kd_is_that_of_keras() -> None:
    trainer = tiny()
    images, labels = batch()
    trainer.compile(optimizer=sgd(0.0))
    logs = trainer.train_on_batch(images, labels, return_dict=True)
    # By its default name Keras 3.15 takes raw logits for probabilities.
    expected = keras.distillation.LogitsDistillation(
        temperature=4.0, loss=keras.losses.KLDivergence()
    )
    value = expected.compute_loss(
        trainer.teacher(ops.convert_to_tensor(images), training=False),
        trainer.student(ops.convert_to_tensor(images), training=True),
    )
    np.testing.assert_allclose(
        logs["logits_loss"],
        ops.convert_to_numpy(ops.stop_gradient(value)),
        rtol=1e-4,
    )


class Fitted(NamedTuple):
    """A trainer after some epochs on one batch and a half."""

    method: str
    trainer: KnowledgeDistillation
    teacher: list[np.ndarray]  # as it was before
    student: list[np.ndarray]
    transfer_losses: list[float]  # of each epoch, where it has one


@pytest.fixture(scope="module")
def fitted(request: pytest.FixtureRequest) -> Fitted:
    keras.utils.set_random_seed(0)
    trainer = tiny(request.param, student_loss_weight=0.0)
    trainer.compile(optimizer=keras.optimizers.Adam(0.01))
    before = weights_of(trainer.teacher), weights_of(trainer.student.encoder)
    images, labels = batch(12)
    logs = trainer.fit(
        images, labels, batch_size=8, epochs=15, shuffle=False, verbose=0
    ).history
    return Fitted(
        request.param, trainer, *before, logs.get("transfer_loss", [])
    )


@pytest.mark.parametrize("fitted", FIXED, indirect=True)
def test_method_moves_the_student_and_never_the_teacher(fitted: Fitted) -> None:
    trainer = fitted.trainer
    assert not any(moved(fitted.teacher, trainer.teacher))
    assert any(moved(fitted.student, trainer.student.encoder))
    for weight in trainer.weights:
        assert np.all(np.isfinite(ops.convert_to_numpy(weight))), weight.path


@pytest.mark.parametrize("fitted", WITH_A_LOSS, indirect=True)
def test_transfer_loss_falls_on_one_batch(fitted: Fitted) -> None:
    """Its layers learn too: the last, smaller batch passes as well."""
    assert fitted.transfer_losses[-1] < fitted.transfer_losses[1]


@pytest.mark.parametrize("fitted", WITH_A_LOSS, indirect=True)
def test_transfer_loss_is_made_anew_from_its_config_and_weights(
    fitted: Fitted, tmp_path: Path
) -> None:
    trainer = fitted.trainer
    path = tmp_path / "trainer.weights.h5"
    trainer.save_weights(path)
    config = keras.saving.serialize_keras_object(trainer.transfer)
    text = json.loads(json.dumps(config))
    transfer = keras.saving.deserialize_keras_object(text)
    assert type(transfer) is type(trainer.transfer)
    assert transfer is not trainer.transfer
    assert transfer.get_config() == trainer.transfer.get_config()
    again = tiny(fitted.method, transfer=transfer)
    again.load_weights(path)
    for one, two in zip(
        weights_of(trainer.transfer), weights_of(again.transfer), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_sample_weights_count_in_every_term() -> None:
    images, labels = batch()
    weight = np.array([1.0, 0.0] * 4)
    trainer = tiny("at", logits_loss_weight=1.0)
    trainer.compile(optimizer=sgd(0.0))
    whole = trainer.train_on_batch(images, labels, return_dict=True)
    trainer.reset_metrics()
    none = trainer.train_on_batch(
        images, labels, sample_weight=np.zeros(8), return_dict=True
    )
    trainer.reset_metrics()
    half = trainer.train_on_batch(
        images, labels, sample_weight=weight, return_dict=True
    )
    trainer.reset_metrics()
    rest = trainer.train_on_batch(
        images, labels, sample_weight=1 - weight, return_dict=True
    )
    for name in ("student_loss", "transfer_loss", "logits_loss"):
        assert none[name] == 0
        np.testing.assert_allclose(
            half[name] + rest[name], whole[name], rtol=1e-5
        )


def test_weight_of_the_transfer_loss_rises_with_the_epochs() -> None:
    trainer = tiny("at", warmup_epochs=4)
    trainer.compile(optimizer=sgd(0.0))
    logs = trainer.fit(*batch(), batch_size=8, epochs=5, verbose=0).history
    rest = [
        total - own
        for total, own in zip(logs["loss"], logs["student_loss"], strict=True)
    ]
    shares = [
        value / (1000.0 * loss)
        for value, loss in zip(rest, logs["transfer_loss"], strict=True)
    ]
    np.testing.assert_allclose(shares, [0.25, 0.5, 0.75, 1, 1], rtol=1e-3)


def test_one_hot_labels_give_the_same_step() -> None:
    images, labels = batch()
    results = []
    for rows in (labels, keras.utils.to_categorical(labels, 4)):
        keras.utils.set_random_seed(0)
        trainer = tiny("dkd")
        sparse = "sparse_" if rows is labels else ""
        trainer.compile(
            optimizer=sgd(), loss=f"{sparse}categorical_crossentropy"
        )
        logs = trainer.train_on_batch(images, rows, return_dict=True)
        results.append([logs[k] for k in ("student_loss", "transfer_loss")])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


def test_evaluate_and_predict_are_the_students() -> None:
    trainer = tiny("fitnet")
    trainer.compile(optimizer=sgd(), metrics=["accuracy"])
    images, labels = batch()
    before = weights_of(trainer)
    scores = trainer.evaluate(images, labels, verbose=0, return_dict=True)
    assert set(scores) == {"accuracy", "loss"}
    assert not any(moved(before, trainer))
    np.testing.assert_allclose(
        trainer.predict(images, verbose=0),
        trainer.student.predict(images, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_networks_of_other_classes_are_refused() -> None:
    other = ImageClassifier(tiny_teacher(4).encoder, layers.Dense(7))
    with pytest.raises(InputError, match="same classes. Received: teacher 4"):
        KnowledgeDistillation(tiny_teacher(8), other, Hint())
