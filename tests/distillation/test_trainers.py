"""ATSC and KnowledgeDistillation keep one standard."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.errors import InputError
from atsc_keras.methods import METHODS, Attention, Hint
from atsc_keras.models.image_classifier import ImageClassifier
from tests.distillation.conftest import each_trainer
from tests.tiny import (
    CLASSES,
    SHAPE,
    batch,
    moved,
    sgd,
    tiny_atsc,
    tiny_encoder,
    tiny_teacher,
    values,
)

pytestmark = pytest.mark.usefixtures("eager_steps")

# === Settings ===


@each_trainer
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"temperature": True}, "finite.*temperature=True"),
        ({"temperature": 0.0}, "positive.*temperature=0.0"),
        ({"temperature": np.float32("nan")}, "finite.*temperature"),
        ({"student_loss_weight": -1.0}, "negative.*student_loss_weight=-1.0"),
        ({"logits_loss_weight": float("inf")}, "finite.*logits_loss_weight"),
        ({"logits_loss_weight": "1"}, "finite.*logits_loss_weight='1'"),
    ],
)
def test_settings_out_of_range_are_refused(
    trainer: type, setting: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        trainer(tiny_teacher(), tiny_teacher(4), **setting)


@pytest.mark.parametrize("epochs", [-3, 2.5, True])
def test_warmup_is_a_whole_number_of_epochs(epochs: Any) -> None:
    with pytest.raises(InputError, match=f"warmup_epochs={epochs}"):
        KnowledgeDistillation(
            tiny_teacher(), tiny_teacher(4), warmup_epochs=epochs
        )


@each_trainer
def test_numbers_of_numpy_are_as_good_as_pythons(
    trainer: type, tmp_path: Path
) -> None:
    made = trainer(
        tiny_teacher(),
        tiny_teacher(4),
        temperature=np.int64(2),
        logits_loss_weight=np.float32(0.5),
    )
    assert made.settings.temperature == 2.0
    made.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert loaded.settings == made.settings
    with pytest.raises(AttributeError):
        made.settings.temperature = 1.0


@pytest.mark.parametrize("reduction", [True, 2.0, "2", 99])
def test_reduction_is_a_whole_number_of_the_channels(reduction: Any) -> None:
    with pytest.raises(InputError, match=f"reduction={reduction!r}"):
        tiny_atsc(reduction=reduction)
    assert tiny_atsc(reduction=np.int64(4)).student.reduction == 4


# === Saving ===


@pytest.mark.parametrize("transfer", [None, Attention, Hint])
def test_fixed_teacher_goes_on_from_its_file_as_if_undisturbed(
    transfer: Any, tmp_path: Path
) -> None:
    trainer = KnowledgeDistillation(
        tiny_teacher(),
        tiny_teacher(4),
        transfer and transfer(),
        transfer_weight=3.0,
        logits_loss_weight=0.7,
        warmup_epochs=2,
        augmentation=layers.Rescaling(0.9),
    )
    trainer.compile(optimizer=sgd(0.01), metrics=["accuracy"])
    path = tmp_path / "trainer.keras"
    data = {"x": batch(16)[0], "y": batch(16)[1], "batch_size": 8, "verbose": 0}
    trainer.fit(
        **data,
        shuffle=False,
        callbacks=[keras.callbacks.ModelCheckpoint(path)],
    )
    loaded = keras.models.load_model(path)
    assert loaded.settings == trainer.settings
    for model in (trainer, loaded):
        model.reset_metrics()
    logs = [
        model.fit(**data, initial_epoch=1, epochs=2, shuffle=False).history
        for model in (trainer, loaded)
    ]
    for name, (value,) in logs[0].items():
        assert logs[1][name][0] == pytest.approx(value, rel=1e-5), name
    for one, two in zip(values(trainer), values(loaded), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_student_takes_overwrite_where_keras_does(tmp_path: Path) -> None:
    student = tiny_atsc().student
    student.save(tmp_path / "student.keras", True)
    keras.models.load_model(tmp_path / "student.keras")


# === Fit ===


@each_trainer
def test_rate_of_every_optimizer_is_in_the_logs(trainer: type) -> None:
    made = trainer(tiny_teacher(), tiny_teacher(4))
    rate = keras.optimizers.schedules.CosineDecay(0.1, 4)
    made.compile(
        optimizer=keras.optimizers.SGD(rate),
        classifier_optimizer=sgd(0.02),
        teacher_optimizer=sgd(0.03),
    )
    seen: list[dict[str, float]] = []
    made.fit(
        *batch(16),
        batch_size=8,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: seen.append(dict(logs))
            )
        ],
    )
    expected = {
        "learning_rate": 0.05,  # the middle of the cosine
        "classifier_learning_rate": 0.02,
        "teacher_learning_rate": 0.03,
    }
    rates = {k: v for k, v in seen[0].items() if "rate" in k}
    assert rates == pytest.approx(expected)


@each_trainer
def test_callback_list_is_taken_and_left_as_it_was(trainer: type) -> None:
    made = trainer(tiny_teacher(), tiny_teacher(4))
    made.compile(optimizer=sgd())
    epochs: list[int] = []
    listed = keras.callbacks.CallbackList(
        [
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: epochs.append(epoch)
            )
        ],
        add_history=True,
        model=made,
        epochs=2,
        steps=1,
    )
    before = list(listed.callbacks)
    for _ in range(2):
        history = made.fit(*batch(), epochs=2, verbose=0, callbacks=listed)
    assert epochs == [0, 1, 0, 1]
    assert "learning_rate" in history.history
    assert listed.callbacks == before


@each_trainer
@pytest.mark.parametrize("name", ["student_loss", "teacher_loss", "loss"])
def test_metric_of_a_taken_name_is_refused(trainer: type, name: str) -> None:
    made = trainer(tiny_teacher(), tiny_teacher(4))
    metric = keras.metrics.SparseCategoricalCrossentropy(
        name=name, from_logits=True
    )
    if name in made.means:
        with pytest.raises(InputError, match=f"metrics with '{name}'"):
            made.compile(optimizer=sgd(), metrics={"a": [metric]})
        return
    made.compile(optimizer=sgd(0.0), metrics=[metric])
    images, labels = batch()
    logs = made.evaluate(images, labels, verbose=0, return_dict=True)
    assert logs[name] == pytest.approx(logs["loss"], rel=1e-5)


def test_trainer_that_is_not_compiled_says_so() -> None:
    with pytest.raises(InputError, match="must be compiled before `fit`"):
        tiny_atsc().fit(*batch())


# === What is the user's ===


@each_trainer
def test_flags_of_a_given_teacher_stay_as_they_were_found(
    trainer: type,
) -> None:
    teacher = tiny_teacher()
    teacher.encoder.layers[2].trainable = False
    found = [w.trainable for w in teacher.weights]
    made = trainer(teacher, tiny_teacher(4))
    made.compile(optimizer=sgd())
    made.fit(*batch(16), batch_size=8, verbose=0)
    assert [w.trainable for w in teacher.weights] == found
    assert set(found) == {True, False}


def test_fixed_teacher_keeps_every_weight_though_it_is_not_frozen() -> None:
    teacher = tiny_teacher(regularizer=keras.regularizers.L2(0.1))
    trainer = KnowledgeDistillation(teacher, tiny_teacher(4))
    trainer.compile(optimizer=sgd())
    before = values(teacher)
    logs = trainer.fit(*batch(16), batch_size=8, verbose=0).history
    assert not any(moved(before, teacher))
    # Nor does its regularisation count.
    assert logs["loss"][0] == pytest.approx(
        logs["student_loss"][0] + logs["logits_loss"][0], rel=1e-5
    )
    learning = set(map(id, trainer.trainable_variables))
    assert learning == set(map(id, trainer.student.trainable_variables))
    every = {*learning, *map(id, trainer.non_trainable_variables)}
    assert every == set(map(id, trainer.variables))


def test_knowledge_distillation_is_kd_unless_something_is_compared() -> None:
    plain = KnowledgeDistillation(tiny_teacher(), tiny_teacher(4)).settings
    row = METHODS["kd"]
    assert plain.logits_loss_weight == row.logits_weight == 1.0
    assert (plain.student_loss_weight, plain.temperature) == (1.0, 4.0)
    compared = KnowledgeDistillation(
        tiny_teacher(), tiny_teacher(4), Attention()
    )
    assert compared.settings.logits_loss_weight == 0.0


def test_transfer_loss_belongs_to_one_trainer() -> None:
    hint, attention = Hint(), Attention()
    for loss in (hint, attention):
        KnowledgeDistillation(tiny_teacher(), tiny_teacher(4), loss)
    with pytest.raises(InputError, match="Hint, which has .* Make a new one"):
        KnowledgeDistillation(tiny_teacher(), tiny_teacher(4), hint)
    KnowledgeDistillation(tiny_teacher(), tiny_teacher(4), attention)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="oneDNN is TensorFlow's"
)
@pytest.mark.parametrize(
    ("channels", "onednn", "says"),
    [(8, None, True), (8, "0", False), (16, None, False)],
)
def test_layers_that_crash_tensorflow_are_named_before_they_do(
    channels: int,
    onednn: str | None,
    says: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if onednn is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", onednn)
    images = keras.Input(SHAPE)
    x = keras.layers.Conv2D(channels, 3)(images)
    x = keras.layers.Conv2D(8, 1, strides=2, name="shortcut")(x)
    atsc = ATSC(
        ImageClassifier(keras.Model(images, x), keras.layers.Dense(CLASSES)),
        tiny_encoder(4),
    )
    atsc.compile(sgd())
    said = pytest.warns(UserWarning, match="shortcut.*ONEDNN_OPTS=0")
    with said if says else warnings.catch_warnings(action="error"):
        atsc.make_train_function()
