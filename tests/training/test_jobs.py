"""A run leaves what it promises, and goes on to the same result."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.config import load_config
from atsc_keras.data.loading import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.records.models import Metrics, Origin
from atsc_keras.records.run import Run
from atsc_keras.training.jobs import (
    distill,
    evaluate,
    evaluate_run,
    train,
)
from atsc_keras.training.startup import process_age
from tests.tiny import tiny_atsc
from tests.tiny_experiment import history, student_weights, write_config

FILES = {
    "config.yaml",
    "environment.json",
    "history.csv",
    "metrics.json",
    "manifest.json",
    "report.html",
    "teacher.keras",
    "student_alone.keras",
    "student.keras",
    "adapted_teacher.keras",
    "adaptation.json",
    "samples.npz",
    "class_names.json",
    "checkpoints",
    "figures",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One whole run."""
    folder = tmp_path_factory.mktemp("runs")
    config = load_config(write_config(folder))
    metrics = distill(config, folder / "run")
    return {"dir": folder / "run", "config": config, "metrics": metrics}


def test_run_folder_holds_its_records(finished: dict[str, Any]) -> None:
    assert {path.name for path in finished["dir"].iterdir()} == FILES
    run, metrics = Run(finished["dir"]), finished["metrics"]
    assert run.load(Metrics) == metrics
    assert set(metrics.models) == {
        "teacher",
        "student_alone",
        "student",
        "adapted_teacher",
    }
    assert metrics.test_examples == 24
    origin = run.demand(Origin)
    assert origin.backend == keras.backend.backend()
    assert origin.job == "distill"
    assert origin.config == finished["config"]
    assert origin.data_digest == load_dataset(origin.config.data).digest
    startup = origin.startup
    assert startup is not None
    assert metrics.startup_seconds == startup
    assert 0 < startup.first_step < startup.to_first_step
    # Written once: training went on after it.
    assert startup.to_first_step + sum(metrics.seconds.values()) < (
        process_age() + startup.first_step
    )
    # Of the training, which needs more than Python and less than a machine.
    assert 50e6 < metrics.peak_memory_bytes < 20e9
    assert load_config(finished["dir"] / "config.yaml") == finished["config"]


def test_history_has_every_epoch_once(finished: dict[str, Any]) -> None:
    rows = history(finished["dir"])
    assert [(row["phase"], row["epoch"]) for row in rows] == [
        (phase, epoch)
        for phase in ("teacher", "student_alone", "distillation")
        for epoch in (1, 2)
    ]
    last = rows[-1]
    assert 0 < float(last["feature_loss"])
    assert float(last["val_accuracy"]) == pytest.approx(
        finished["metrics"].models["student"].accuracy
    )
    # Cosine over 2 epochs: halved once at the end of the first.
    assert float(rows[-2]["learning_rate"]) == pytest.approx(0.025)
    assert float(rows[-2]["teacher_learning_rate"]) == pytest.approx(0.005)
    # It has no optimizer of its own: a hundredth of the student's rate.
    rate = float(rows[-2]["classifier_learning_rate"])
    assert rate == pytest.approx(0.00025)


def test_teacher_file_is_from_before_its_adaptation(
    finished: dict[str, Any],
) -> None:
    before, after = (
        keras.models.load_model(finished["dir"] / f"{name}.keras")
        for name in ("teacher", "adapted_teacher")
    )
    pairs = zip(before.get_weights(), after.get_weights(), strict=True)
    assert all(not np.array_equal(one, two) for one, two in pairs)


def test_metrics_are_those_of_the_files(finished: dict[str, Any]) -> None:
    model = keras.models.load_model(finished["dir"] / "student.keras")
    with np.load(finished["config"].data.path) as arrays:
        images, labels = arrays["x_test"], arrays["y_test"]
    logits = model.predict(images.astype("float32"), verbose=0)
    entry = finished["metrics"].models["student"]
    assert entry.accuracy == pytest.approx(np.mean(logits.argmax(-1) == labels))
    assert entry.top5_accuracy == 1  # of three classes
    assert entry.network == "tiny"
    scores = evaluate(finished["config"], finished["dir"] / "student.keras")
    assert scores.loss == pytest.approx(entry.loss, rel=1e-5)


def test_evaluating_a_run_again_gives_the_same(
    finished: dict[str, Any],
) -> None:
    path, metrics = finished["dir"] / "metrics.json", finished["metrics"]
    # What the run cost is not what its evaluation costs.
    cost = {"backend": "another", "peak_memory_bytes": 5}
    path.write_text(metrics.model_copy(update=cost).model_dump_json())
    renewed = evaluate_run(finished["dir"])
    path.write_text(metrics.model_dump_json())
    assert (renewed.backend, renewed.peak_memory_bytes) == ("another", 5)
    for role, entry in metrics.models.items():
        again = renewed.models[role]
        assert again.file == entry.file
        for name in ("accuracy", "loss", "parameters"):
            value = getattr(entry, name)
            assert getattr(again, name) == pytest.approx(value, rel=1e-5)


def test_samples_are_images_of_their_own_part(finished: dict[str, Any]) -> None:
    with (
        np.load(finished["dir"] / "samples.npz") as samples,
        np.load(finished["config"].data.path) as arrays,
    ):
        test = {
            image.tobytes(): label
            for image, label in zip(
                arrays["x_test"], arrays["y_test"], strict=True
            )
        }
        found = zip(samples["x_test"], samples["y_test"], strict=True)
        for image, label in found:
            assert test[image.tobytes()] == label
        assert len(samples["x_test"]) == min(500, len(arrays["x_test"]))
        # Calibration never sees a test image.
        train = {image.tobytes() for image in arrays["x_train"]}
        assert {image.tobytes() for image in samples["x_train"]} <= train
        assert len(samples["x_train"]) == min(200, len(arrays["x_train"]))


def test_same_config_gives_the_same_student(
    finished: dict[str, Any], tmp_path: Path
) -> None:
    distill(finished["config"], tmp_path / "again")
    for one, two in zip(
        student_weights(finished["dir"]),
        student_weights(tmp_path / "again"),
        strict=True,
    ):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_train_writes_one_model(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, epochs=1))
    metrics = train(config, tmp_path / "run", role="student")
    assert list(metrics.models) == ["student_alone"]
    assert (tmp_path / "run" / "model.keras").exists()


def test_given_teacher_is_not_trained(
    finished: dict[str, Any], tmp_path: Path
) -> None:
    teacher = finished["dir"] / "teacher.keras"
    path = write_config(tmp_path, epochs=1, student={"network": "tiny"})
    config = load_config(path, [f"teacher.weights={teacher}"])
    metrics = distill(config, tmp_path / "run")
    assert "student_alone" not in metrics.models
    assert metrics.gap_closed is None
    rows = history(tmp_path / "run")
    assert {row["phase"] for row in rows} == {"distillation"}
    expected = finished["metrics"].models["teacher"].loss
    assert metrics.models["teacher"].loss == pytest.approx(expected, rel=1e-5)


def test_given_student_starts_both_of_its_trainings(
    finished: dict[str, Any], tmp_path: Path
) -> None:
    given = finished["dir"] / "student_alone.keras"
    overrides = [
        f"teacher.weights={finished['dir'] / 'teacher.keras'}",
        f"student.weights={given}",
        "student.training.optimizer.learning_rate=1e-9",
        "distillation.training.optimizer.learning_rate=1e-9",
    ]
    config = load_config(write_config(tmp_path, epochs=1), overrides)
    distill(config, tmp_path / "run")
    expected = keras.models.load_model(given).trainable_variables
    for name, count in (
        ("student_alone", len(expected)),
        ("student", len(expected) - 2),  # not its own head
    ):
        model = keras.models.load_model(tmp_path / "run" / f"{name}.keras")
        for one, two in zip(
            expected[:count], model.trainable_variables, strict=False
        ):
            np.testing.assert_allclose(
                keras.ops.convert_to_numpy(one),
                keras.ops.convert_to_numpy(two),
                atol=1e-5,
            )


def test_weights_of_another_network_are_refused(
    finished: dict[str, Any], tmp_path: Path
) -> None:
    student = finished["dir"] / "student_alone.keras"
    for override in (f"teacher.weights={student}", "teacher.network=resnet8"):
        overrides = [
            f"teacher.weights={finished['dir'] / 'teacher.keras'}",
            override,
        ]
        config = load_config(write_config(tmp_path), overrides)
        with pytest.raises(InputError, match="must be those of `network`"):
            distill(config, tmp_path / "run")
    config = load_config(
        write_config(tmp_path), [f"student.weights={student}", "seed=1"]
    )
    other = config.model_copy(
        update={
            "student": config.student.model_copy(
                update={"network": "tiny_teacher"}
            )
        }
    )
    with pytest.raises(InputError, match="network=tiny_teacher of"):
        train(other, tmp_path / "run", role="student")
    assert not (tmp_path / "run").exists()


def test_saved_training_is_no_classifier(
    finished: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "atsc.keras"
    tiny_atsc().save(path)
    with pytest.raises(InputError, match="a ATSC with 0 inputs"):
        evaluate(finished["config"], path)


def test_every_kind_of_saved_classifier_is_evaluated(
    finished: dict[str, Any], tmp_path: Path
) -> None:
    student = keras.models.load_model(finished["dir"] / "student_alone.keras")
    ImageClassifier.from_model(student).save(tmp_path / "split.keras")
    softmax = keras.Sequential([student, keras.layers.Softmax()])
    softmax.save(tmp_path / "softmax.keras")
    expected = finished["metrics"].models["student_alone"]
    for name in ("split", "softmax"):
        scores = evaluate(finished["config"], tmp_path / f"{name}.keras")
        for key in ("accuracy", "loss", "multiply_adds"):
            value = getattr(expected, key)
            assert getattr(scores, key) == pytest.approx(value, rel=1e-5)


def test_existing_run_is_kept_unless_asked(finished: dict[str, Any]) -> None:
    before = student_weights(finished["dir"])
    with pytest.raises(InputError, match="--resume to go on"):
        distill(finished["config"], finished["dir"])
    other = finished["config"].model_copy(update={"seed": 5})
    with pytest.raises(InputError, match="seed=5 instead of 0"):
        distill(other, finished["dir"], resume=True)
    for one, two in zip(before, student_weights(finished["dir"]), strict=True):
        np.testing.assert_array_equal(one, two)


def test_foreign_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    config = load_config(write_config(tmp_path))
    with pytest.raises(InputError, match="holds thesis.txt"):
        distill(config, tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "thesis.txt").read_text() == "mine"
