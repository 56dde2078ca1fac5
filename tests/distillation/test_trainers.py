"""ATSC and KnowledgeDistillation keep one standard."""

import gc
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.distillation.losses import FeatureAlignment, l2sp, tempered_kl
from atsc_keras.distillation.starting_point import held_weights
from atsc_keras.errors import InputError
from atsc_keras.methods import METHODS, Attention, Hint
from atsc_keras.models.image_classifier import ImageClassifier
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

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"  # knows replicas
# On torch `keras.ops.divide_no_nan`, which Keras's losses use, gives float32.
KERASS = (
    {"teacher_loss", "student_loss"}
    if keras.backend.backend() == "torch"
    else set()
)
TRAINERS = {"atsc": ATSC, "kd": KnowledgeDistillation}
each_trainer = pytest.mark.parametrize(
    "trainer", TRAINERS.values(), ids=TRAINERS
)


def softmax_model(channels: int) -> keras.Model:
    encoder = tiny_encoder(channels)
    x = layers.GlobalAveragePooling2D()(encoder.output)
    x = layers.Dense(CLASSES, activation="softmax")(x)
    return keras.Model(encoder.input, x)


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


@pytest.mark.parametrize("reduction", [True, 2.0, "2", 3])
def test_reduction_is_a_whole_divisor(reduction: Any) -> None:
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


# === One owner ===


def heads_on_one_backbone() -> tuple[keras.Model, keras.Model]:
    encoder = tiny_encoder(8)
    x = layers.GlobalAveragePooling2D()(encoder.output)
    first, second = (
        keras.Model(encoder.input, layers.Dense(CLASSES, name=name)(x))
        for name in ("first", "second")
    )
    return first, second


def one_stem_in_both() -> tuple[keras.Model, keras.Model]:
    stem = layers.Conv2D(4, 3, padding="same", name="stem")
    models = []
    for channels in (8, 4):
        images = keras.Input(SHAPE)
        x = layers.Conv2D(channels, 3, activation="relu")(stem(images))
        x = layers.GlobalAveragePooling2D()(x)
        models.append(keras.Model(images, layers.Dense(CLASSES)(x)))
    return models[0], models[1]


def one_model_twice() -> tuple[keras.Model, keras.Model]:
    model = softmax_model(8)
    return model, model


@each_trainer
@pytest.mark.parametrize(
    ("models", "name"),
    [
        (heads_on_one_backbone, "conv2d"),
        (one_stem_in_both, "1 in both .stem."),
        (one_model_twice, "conv2d"),
    ],
)
def test_networks_that_share_layers_are_refused_by_name(
    trainer: type, models: Any, name: str
) -> None:
    with pytest.raises(InputError, match=f"teacher and the student.*{name}"):
        trainer(*models())


def test_teacher_given_twice_is_refused() -> None:
    teacher = tiny_teacher()
    with pytest.raises(InputError, match="teacher 1 and the teacher 2"):
        ATSC([teacher, teacher], tiny_encoder(4))


@each_trainer
def test_layer_without_weights_may_be_shared(
    trainer: type, tmp_path: Path
) -> None:
    scale = layers.Rescaling(1 / 255)
    models = []
    for channels in (8, 4):
        images = keras.Input(SHAPE)
        x = layers.Conv2D(channels, 3, activation="relu")(scale(images))
        x = layers.GlobalAveragePooling2D()(x)
        models.append(keras.Model(images, layers.Dense(CLASSES)(x)))
    made = trainer(*models)
    made.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    images, _ = batch()
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0),
        made.predict(images, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_heads_of_the_student_are_its_teachers_own() -> None:
    model = softmax_model(8)
    teacher = ImageClassifier.from_model(model)
    student = DistilledStudent(tiny_encoder(4), [teacher])
    assert ATSC(teacher, student).student is student
    with pytest.raises(InputError, match="made for another teacher object"):
        ATSC(model, student)  # split anew: another Dense
    with pytest.raises(InputError, match="made for another teacher object"):
        ATSC(tiny_teacher(), student)
    with pytest.raises(InputError, match="made for another teacher object"):
        ATSC([teacher, tiny_teacher()], student)
    whole = ATSC(softmax_model(8), tiny_encoder(4))
    assert whole.student.heads[0].layers[-1] is whole.teacher.classifier


def fitted(teacher: Any) -> ATSC:
    atsc = ATSC(teacher, tiny_encoder(4))
    atsc.compile(optimizer=sgd())
    atsc.fit(*batch(), verbose=0)
    return atsc


def test_second_student_of_a_teacher_moves_the_first_with_a_word() -> None:
    teacher = tiny_teacher()
    first = fitted(teacher).student.to_functional()
    before = first.predict(batch()[0], verbose=0)
    with pytest.warns(UserWarning, match="shared with another student"):
        fitted(teacher)
    assert np.abs(first.predict(batch()[0], verbose=0) - before).max() > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted(tiny_teacher())
        teacher.classifier.trainable = False
        fitted(teacher)


def test_cell_that_is_run_again_gives_no_warning() -> None:
    teacher = tiny_teacher()
    atsc = fitted(teacher)
    atsc.fit(*batch(), verbose=0)
    del atsc
    gc.collect()
    fitted(teacher)


# === Precision and roles ===


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="has no float64 unless set up"
)
@each_trainer
def test_float64_is_not_cut_down(trainer: type) -> None:
    keras.config.set_dtype_policy("float64")
    try:
        made = trainer(tiny_teacher(), tiny_teacher(4))
        made.compile(optimizer=sgd())
        images, labels = batch()
        logs, logits = made.objective(
            ops.convert_to_tensor(images.astype("float64")), labels, None
        )
        types = {
            name: keras.backend.standardize_dtype(value.dtype)
            for name, value in {**logs, "logits": logits}.items()
            if name not in ({"teacher_accuracy", "transfer_loss"} | KERASS)
        }
        assert set(types.values()) == {"float64"}, types
        start = getattr(made, "starting_point", [])
        assert {v.dtype for v in start} <= {"float64"}
        assert {mean.dtype for mean in made.means.values()} == {"float64"}
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="has no float64 unless set up"
)
def test_losses_of_float64_see_what_float32_cannot() -> None:
    start = keras.Variable(np.ones(3), dtype="float64")
    weight = keras.Variable(np.ones(3) + 1e-9, dtype="float64")
    distance = float(ops.convert_to_numpy(l2sp([weight], [start])))
    assert distance == pytest.approx(3e-18, rel=1e-6)
    other, own = (
        ops.convert_to_tensor(np.array([[1.0, 2.0]]) + shift, "float64")
        for shift in (0.0, np.array([[1e-6, 0.0]]))
    )
    alignment = FeatureAlignment().compute_loss(other, own)
    assert float(alignment) == pytest.approx(0.5e-12, rel=1e-6)
    # Second order: p (1 - p) d^2 / 2, p the softmax's first share.
    share = 1 / (1 + np.e)
    expected = share * (1 - share) * 1e-12 / 2
    divergence = float(ops.convert_to_numpy(tempered_kl(other, own, 1.0))[0])
    assert divergence == pytest.approx(expected, rel=1e-3)


def test_kernels_are_known_by_their_role() -> None:
    images = keras.Input(SHAPE)
    x = layers.SeparableConv2D(4, 3, name="separable")(images)
    x = layers.PReLU(name="slopes")(x)  # an axis of rank 3
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.Reshape((16, 4))(x)
    x = layers.DepthwiseConv1D(3, name="thin")(x)
    x = layers.MultiHeadAttention(1, 4, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm")(x)
    model = keras.Model(images, x)
    held, _ = held_weights(model.weights, model.weights, "kernels")
    assert [w.path.split("/")[-2:] for w in held] == [
        *(["separable", "depthwise_kernel"], ["separable", "pointwise_kernel"]),
        *(["depthwise", "kernel"], ["thin", "kernel"]),
        *(["query", "kernel"], ["key", "kernel"], ["value", "kernel"]),
        ["attention_output", "kernel"],
    ]


def test_projector_normalises_as_its_student_is_told_to() -> None:
    def norms(model: keras.Model) -> set[tuple[float, bool]]:
        return {
            (layer.momentum, layer.synchronized)
            for layer in model.layers
            if isinstance(layer, layers.BatchNormalization)
        }

    plain = tiny_atsc()
    assert norms(plain.student.projectors[0]) == {(0.9, False)}
    encoder = tiny_encoder(4)
    encoder.layers[3].synchronized = synchronized = ON_TENSORFLOW
    told = ATSC(tiny_teacher(), encoder, batch_norm_momentum=0.7)
    assert norms(told.student.projectors[0]) == {(0.7, synchronized)}
    again = ATSC.from_config(told.get_config())
    assert norms(again.student.projectors[0]) == {(0.7, synchronized)}


@pytest.mark.parametrize("momentum", [1.0, -0.1, float("nan"), True, "0.9"])
def test_momentum_of_the_projectors_is_checked(momentum: Any) -> None:
    with pytest.raises(InputError, match="from 0 to under 1"):
        tiny_atsc(batch_norm_momentum=momentum)


def test_momentum_may_be_a_number_of_numpy(tmp_path: Path) -> None:
    made = tiny_atsc(batch_norm_momentum=np.float32(0.5))
    made.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert loaded.student.batch_norm_momentum == 0.5
