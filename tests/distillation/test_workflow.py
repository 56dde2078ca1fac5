"""ATSC in the ordinary Keras workflow."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from tests.markers import MIXED_BFLOAT16
from tests.tiny import (
    CLASSES,
    batch,
    moved,
    sgd,
    tiny_atsc,
    tiny_encoder,
    tiny_teacher,
    values,
)

TRAINING_LOGS = {
    "loss",
    "feature_loss",
    "l2sp_loss",
    "teacher_loss",
    "teacher_accuracy",
    "teacher_feature_power",
    "accuracy",
}


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return batch(seed=index)


def compiled(**arguments: object) -> ATSC:
    atsc = tiny_atsc()
    optimizer = arguments.pop("optimizer", None) or sgd(0.01)
    atsc.compile(optimizer=optimizer, metrics=["accuracy"], **arguments)
    return atsc


def test_fit_logs_training_and_validates_the_student() -> None:
    history = compiled().fit(
        *batch(16), batch_size=8, validation_data=batch(), epochs=2, verbose=0
    )
    assert set(history.history) == TRAINING_LOGS | {
        "learning_rate",
        "teacher_learning_rate",
        "classifier_learning_rate",
        "val_loss",
        "val_accuracy",
    }


def test_fit_learns_the_student_through_the_teachers_classifier() -> None:
    teacher = tiny_teacher()
    teacher.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    images, labels = batch(64)
    teacher.fit(images, labels, epochs=60, batch_size=32, verbose=0)
    atsc = ATSC(teacher, tiny_encoder(4), reduction=2)
    atsc.compile(optimizer=keras.optimizers.Adam(1e-2), metrics=["accuracy"])
    before = atsc.evaluate(images, labels, verbose=0, return_dict=True)
    atsc.fit(images, labels, epochs=60, batch_size=32, verbose=0)
    after = atsc.evaluate(images, labels, verbose=0, return_dict=True)
    assert after["accuracy"] > max(0.9, before["accuracy"])


def test_evaluate_is_the_students() -> None:
    atsc = compiled()
    images, labels = batch()
    scores = atsc.evaluate(images, labels, verbose=0, return_dict=True)
    assert set(scores) == {"loss", "accuracy"}
    logits = atsc.predict(images, verbose=0)
    student = atsc.student.to_functional().predict(images, verbose=0)
    np.testing.assert_allclose(logits, student, rtol=1e-5, atol=1e-6)
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
        labels, logits
    )
    assert scores["loss"] == pytest.approx(float(expected), rel=1e-5)
    assert scores["accuracy"] == np.mean(logits.argmax(-1) == labels)
    assert set(atsc.test_on_batch(images, labels, return_dict=True)) == {
        "loss",
        "accuracy",
    }


def test_py_dataset_is_an_input() -> None:
    history = compiled().fit(
        Batches(), validation_data=Batches(), shuffle=False, verbose=0
    )
    assert "val_accuracy" in history.history


def test_tf_data_is_an_input_on_every_backend() -> None:
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(batch(16)).batch(8)
    history = compiled().fit(
        data, validation_data=data, shuffle=False, verbose=0
    )
    assert "val_accuracy" in history.history


def test_usual_callbacks_work(tmp_path: Path) -> None:
    callbacks = keras.callbacks
    rates: list[float] = []

    def schedule(epoch: int, rate: float) -> float:
        rates.append(rate)
        return 0.01 / (epoch + 1)

    compiled().fit(
        *batch(16),
        batch_size=8,
        epochs=2,
        validation_data=batch(),
        verbose=0,
        callbacks=[
            callbacks.ModelCheckpoint(
                tmp_path / "best.keras", monitor="val_accuracy"
            ),
            callbacks.EarlyStopping(monitor="val_loss", patience=5),
            callbacks.LearningRateScheduler(schedule),
            callbacks.ReduceLROnPlateau(monitor="val_loss"),
            callbacks.CSVLogger(tmp_path / "log.csv"),
            callbacks.TensorBoard(tmp_path / "board", histogram_freq=1),
            callbacks.BackupAndRestore(tmp_path / "backup"),
        ],
    )
    assert len(rates) == 2
    assert list((tmp_path / "board").rglob("events*"))
    assert isinstance(keras.models.load_model(tmp_path / "best.keras"), ATSC)


class Interruption(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt


def test_backup_restores_an_interrupted_fit_exactly(tmp_path: Path) -> None:
    def backup() -> keras.callbacks.Callback:
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    whole, first, second = compiled(), compiled(), compiled()
    first.set_weights(whole.get_weights())
    arguments = {"batch_size": 8, "epochs": 4, "shuffle": False, "verbose": 0}
    whole.fit(*batch(16), **arguments)
    with pytest.raises(KeyboardInterrupt):
        first.fit(*batch(16), callbacks=[backup(), Interruption()], **arguments)
    history = second.fit(*batch(16), callbacks=[backup()], **arguments)
    assert history.epoch == [2, 3]
    for one, two in zip(values(whole), values(second), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-7)


def test_rate_schedulers_reach_every_optimizer() -> None:
    own = {"optimizer": sgd(0.1), "teacher_optimizer": sgd(0.01)}
    atsc = tiny_atsc()
    atsc.compile(**own)
    atsc.fit(
        *batch(),
        batch_size=8,
        verbose=0,
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda _, rate: rate / 2)
        ],
    )
    rates = [float(optimizer.learning_rate) for optimizer in own.values()]
    assert rates == pytest.approx([0.05, 0.005])


@pytest.mark.parametrize("policy", [MIXED_BFLOAT16, "mixed_float16"])
def test_mixed_precision_reports_the_losses_of_float32(policy: str) -> None:
    logs = []
    for name in ("float32", policy):
        keras.config.set_dtype_policy(name)
        try:
            keras.utils.set_random_seed(0)
            atsc = compiled()
        finally:
            keras.config.set_dtype_policy("float32")
        atsc.starting_point[0].assign(atsc.starting_point[0] + 0.1)
        before = values(atsc.student.encoder)
        logs.append(atsc.train_on_batch(*batch(), return_dict=True))
        assert any(moved(before, atsc.student.encoder))
    scaled = type(atsc.optimizer).__name__ == "LossScaleOptimizer"
    assert scaled is (policy == "mixed_float16")
    # L2-SP is computed on float32 weights; the rest has seen 8 or 11 bits.
    assert logs[1]["l2sp_loss"] == pytest.approx(logs[0]["l2sp_loss"])
    for name in ("loss", "feature_loss", "teacher_loss"):
        assert logs[1][name] == pytest.approx(logs[0][name], rel=0.03), name


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="refused by Keras on torch"
)
def test_steps_per_execution_changes_nothing() -> None:
    results = []
    for steps in (1, 2):
        keras.utils.set_random_seed(0)
        atsc = compiled(steps_per_execution=steps)
        atsc.fit(*batch(32), batch_size=8, shuffle=False, verbose=0)
        results.append(values(atsc))
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_own_optimizers_move_their_own_weights() -> None:
    atsc = tiny_atsc()
    still = [sgd(0.0) for _ in range(2)]
    atsc.compile(
        optimizer=sgd(0.01),
        teacher_optimizer=still[0],
        classifier_optimizer=still[1],
    )
    parts = (atsc.teacher.encoder, atsc.teacher.classifier, atsc.student)
    before = [
        [
            np.array(v)
            for v in map(keras.ops.convert_to_numpy, p.trainable_variables)
        ]
        for p in parts
    ]
    atsc.train_on_batch(*batch())
    changed = [
        any(
            not np.array_equal(old, keras.ops.convert_to_numpy(new))
            for old, new in zip(olds, part.trainable_variables, strict=True)
        )
        for olds, part in zip(before, parts, strict=True)
    ]
    assert changed == [False, False, True]


@pytest.mark.parametrize("several", [False, True])
def test_saved_training_goes_on_as_if_undisturbed(
    tmp_path: Path, several: bool
) -> None:
    atsc = tiny_atsc(
        feature_loss="normalized_mse",
        l2sp_weight=0.5,
        temperature=2.0,
        l2sp_scope="kernels",
    )
    own = (
        {"teacher_optimizer": sgd(0.001), "classifier_optimizer": sgd(0.002)}
        if several
        else {}
    )
    atsc.compile(optimizer=sgd(0.01), metrics=["accuracy"], **own)
    atsc.train_on_batch(*batch())
    atsc.save(tmp_path / "atsc.keras")
    loaded = keras.models.load_model(tmp_path / "atsc.keras")
    assert loaded.settings == atsc.settings
    for model in (atsc, loaded):
        model.reset_metrics()
    for seed in (1, 2):
        logs = [
            model.train_on_batch(*batch(seed=seed), return_dict=True)
            for model in (atsc, loaded)
        ]
        assert logs[1] == pytest.approx(logs[0], rel=1e-5)
    for one, two in zip(values(atsc), values(loaded), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_model_that_was_not_compiled_is_saved(tmp_path: Path) -> None:
    atsc = tiny_atsc()
    atsc.save(tmp_path / "atsc.keras")
    loaded = keras.models.load_model(tmp_path / "atsc.keras")
    assert not loaded.compiled
    images, _ = batch()
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0), atsc.predict(images, verbose=0)
    )


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="Keras exports SavedModel on TensorFlow and JAX only",
)
def test_student_is_exported_by_keras_too(tmp_path: Path) -> None:
    import tensorflow as tf

    atsc = compiled()
    atsc.student.export(tmp_path / "saved", verbose=False)
    images, _ = batch()
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    logits = loaded.serve(images)
    np.testing.assert_allclose(
        logits, atsc.predict(images, verbose=0), rtol=1e-4, atol=1e-5
    )


def test_student_file_holds_stock_layers_only(tmp_path: Path) -> None:
    atsc = compiled()
    atsc.student.save(tmp_path / "student.keras")
    with zipfile.ZipFile(tmp_path / "student.keras") as file:
        assert b"atsc_keras" not in file.read("config.json")
    loaded = keras.models.load_model(tmp_path / "student.keras")
    images, _ = batch()
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0),
        atsc.predict(images, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )
    assert loaded.output_shape == (None, CLASSES)
