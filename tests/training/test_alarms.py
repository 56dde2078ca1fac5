"""A run says that its teacher knows nothing while there is time to stop it."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.config import load_config
from atsc_keras.training import jobs
from tests.markers import ONCE
from tests.models.test_input_checks import CLASSES, pictures, trained_on
from tests.tiny_experiment import write_config

pytestmark = ONCE


class StudentBegins(Exception):
    """What comes now would have cost hours."""


@pytest.fixture(scope="module")
def knowing() -> keras.Model:
    """It gets nearly every picture right."""
    return trained_on("0..255")


def ignorant() -> keras.Model:
    """It answers one class, whatever it is shown."""
    model = keras.models.clone_model(trained_on("0..255", epochs=1))
    head = model.layers[-1]
    kernel, _ = head.get_weights()
    head.set_weights([0 * kernel, np.eye(CLASSES)[0]])
    return model


def said_before_the_student(
    folder: Path,
    patch: pytest.MonkeyPatch,
    *models: keras.Model,
    moved: int = 0,
) -> str:
    """What `distill` warns of before anything trains."""

    def begin(phase: Any, *_: Any) -> None:
        assert phase.name == "student_alone"
        raise StudentBegins

    patch.setattr(jobs, "train_classifier", begin)
    teachers = []
    for number, model in enumerate(models):
        path = folder / f"given{number}.keras"
        model.save(path)
        teachers.append({"network": "own", "weights": str(path)})
    path = write_config(folder, epochs=1, teacher=teachers)
    splits = [pictures(count, seed) for seed, count in enumerate((48, 240))]
    (x_train, y_train), (x_test, y_test) = [
        (images, (labels + moved) % CLASSES) for images, labels in splits
    ]
    np.savez(
        folder / "data.npz",
        **{"x_train": x_train, "y_train": y_train},
        **{"x_test": x_test, "y_test": y_test},
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Of three layers, they are small.
        warnings.filterwarnings("ignore", "The student ships larger")
        with pytest.raises(StudentBegins):
            jobs.distill(load_config(path), folder / "run")
    return " ".join(str(w.message) for w in caught if w.category is UserWarning)


def test_teacher_at_chance_is_named_before_the_student_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = said_before_the_student(tmp_path, monkeypatch, ignorant())
    assert "The teacher is at chance before it teaches" in words
    assert "33 % of 240 images right" in words
    assert "in another order it would" not in words


def test_classes_in_another_order_are_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knowing: keras.Model
) -> None:
    words = said_before_the_student(tmp_path, monkeypatch, knowing, moved=1)
    assert "The teacher is at chance before it teaches" in words
    assert "with its classes in another order it would get" in words


def test_one_of_two_teachers_is_named_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knowing: keras.Model
) -> None:
    words = said_before_the_student(tmp_path, monkeypatch, knowing, ignorant())
    assert "teacher 2 is at chance" in words
    assert "teacher 1" not in words


def test_teacher_that_knows_is_taken_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knowing: keras.Model
) -> None:
    assert said_before_the_student(tmp_path, monkeypatch, knowing) == ""
