"""`atsc predict` answers as Keras does, whatever the file is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from atsc_keras.config import load_config
from atsc_keras.files.pictures import ImageReader
from atsc_keras.records.models import Origin
from atsc_keras.records.reading import record_text
from export import FORMATS, Variant
from export.formats.base import Source
from export.from_run import files_of_run
from tests.export.models import (
    CLASSES,
    NAMES,
    SHAPE,
    clear_images,
    logits_of,
    pixels,
    randomize,
    student,
)
from tests.export.predicting import (
    of_end,
    predict,
    probabilities,
    softmax,
    write_pictures,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes files of one model, each once."""
    folder = tmp_path_factory.mktemp("made")
    model = student()

    def make(variant: Variant, names: list[str] | None = None) -> Path:
        kind = FORMATS[variant.format]
        path = folder / kind.file_name(variant, "named" if names else "s")
        if not path.exists():
            source = Source(
                *(model, folder),
                class_names=names,
                calibration=pixels(30, seed=3),
            )
            kind.write(source, variant, path)
        return path

    return make


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """More than are read at once."""
    return clear_images(student(), 70)


@pytest.fixture(scope="module")
def pictures(
    tmp_path_factory: pytest.TempPathFactory, images: np.ndarray
) -> Path:
    return write_pictures(tmp_path_factory.mktemp("p") / "pictures", images)


@pytest.mark.parametrize(
    ("variant", "named"),
    [
        (Variant("saved_model"), True),
        (Variant("onnx"), True),
        (Variant("onnx", "float16"), False),
        (Variant("onnx", "int8", "uint8"), True),
        (Variant("tflite"), False),
        (Variant("tflite", pixels="uint8"), True),
        (Variant("tflite", "int8"), True),
        (Variant("tflite", "int8", "uint8"), False),
        (Variant("tflite", "dynamic"), False),
    ],
    ids=str,
)
def test_files_answer_as_keras_does(
    variant: Variant,
    named: bool,
    made: Callable[..., Path],
    pictures: Path,
    images: np.ndarray,
) -> None:
    path = made(variant, NAMES if named else None)
    answers, notes = predict(path, pictures, "--top", CLASSES)
    assert notes == ""
    assert [Path(x["file"]).name for x in answers] == sorted(
        picture.name for picture in pictures.iterdir()
    )
    expected = softmax(logits_of(student(), images))
    # Of float16 three digits are left, of whole numbers a hundredth.
    allowed = {"float32": 1e-5, "float16": 1e-2}.get(variant.precision, 0.1)
    found = probabilities(answers)
    np.testing.assert_allclose(found, expected, rtol=0, atol=allowed)
    for answer in answers:
        for guess in answer["classes"]:
            name = NAMES[guess["index"]] if named else None
            assert guess["name"] == name


def test_names_that_are_given_come_before_those_inside(
    made: Callable[..., Path], pictures: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.json"
    names.write_text(json.dumps([*"vwxyz"]))
    words = (made(Variant("onnx"), NAMES), pictures, "--top", 1)
    inside, _ = predict(*words)
    given, _ = predict(*words, "--class-names", names)
    for one, other in zip(inside, given, strict=True):
        (first,), (second,) = one["classes"], other["classes"]
        assert first["name"] == NAMES[first["index"]]
        assert second["name"] == "vwxyz"[first["index"]]


# === Keras models ===


@pytest.mark.parametrize("kind", ["logits", "softmax", "sigmoid", "two"])
def test_keras_models_of_any_end_give_probabilities(
    kind: str, tmp_path: Path
) -> None:
    model, images = of_end(kind), pixels(3)
    model.save(tmp_path / "m.keras")
    given = logits_of(model, images).reshape(3, -1)
    if kind == "sigmoid":
        given = np.concatenate([1 - given, given], -1)
    if kind in ("logits", "two"):
        given = softmax(given)
    folder = write_pictures(tmp_path / "p", images)
    classes = given.shape[-1]
    answers, notes = predict(tmp_path / "m.keras", folder, "--top", classes)
    np.testing.assert_allclose(probabilities(answers), given, atol=1e-5)
    assert notes == ""
    # By default three, or as many as there are.
    answers, _ = predict(tmp_path / "m.keras", folder)
    assert {len(x["classes"]) for x in answers} == {min(3, classes)}


def test_stated_pixels_and_size_are_those_of_the_model(tmp_path: Path) -> None:
    x = keras.Input((None, None, 3))
    pooled = layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3)(x))
    model = randomize(keras.Model(x, layers.Dense(CLASSES)(pooled)))
    model.save(tmp_path / "m.keras")
    images = pixels(3)
    folder = write_pictures(tmp_path / "p", images)
    answers, _ = predict(
        *(tmp_path / "m.keras", folder, "--image-size", "12"),
        *("--pixel-range", "-1..1", "--top", CLASSES),
    )
    expected = softmax(logits_of(model, images / 127.5 - 1))
    np.testing.assert_allclose(probabilities(answers), expected, atol=1e-5)


def test_model_of_another_range_is_noted(tmp_path: Path) -> None:
    images = keras.Input(SHAPE)
    x = layers.BatchNormalization()(layers.Conv2D(8, 3)(images))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    model = keras.Model(images, layers.Dense(CLASSES)(x))
    inner = keras.Model(images, model.layers[1].output)
    seen = logits_of(inner, pixels(30) / 255).reshape(-1, 8)
    norm = model.layers[2]
    norm.moving_mean.assign(seen.mean(0))
    norm.moving_variance.assign(seen.var(0))
    model.save(tmp_path / "m.keras")
    folder = write_pictures(tmp_path / "p", pixels(3))
    _, notes = predict(tmp_path / "m.keras", folder)
    assert "m.keras seems not to take plain pixels" in notes
    assert "Add --pixel-range 0..1" in notes
    _, notes = predict(tmp_path / "m.keras", folder, "--pixel-range", "0..1")
    assert notes == ""


def test_run_folder_gives_names_where_they_fit(tmp_path: Path) -> None:
    of_end("logits").save(tmp_path / "student.keras")
    of_end("two").save(tmp_path / "teacher.keras")
    (tmp_path / "class_names.json").write_text(json.dumps(NAMES))
    folder = write_pictures(tmp_path / "p", pixels(2))
    answers, notes = predict(tmp_path / "student.keras", folder)
    guesses = [guess for x in answers for guess in x["classes"]]
    assert all(guess["name"] == NAMES[guess["index"]] for guess in guesses)
    assert notes == ""
    answers, notes = predict(tmp_path / "teacher.keras", folder)
    assert answers[0]["classes"][0]["name"] is None
    assert "class_names.json has 5 class names for 2 classes" in notes


# === Pictures ===


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A folder of pictures twice as wide as high, and of other things."""
    random = np.random.default_rng(5)
    (tmp_path / "p" / "b").mkdir(parents=True)
    (tmp_path / "p" / ".hidden").mkdir()
    image = random.integers(0, 256, (20, 40, 3)).astype("uint8")
    for name in ("b/one.png", "two.jpg", ".hidden/three.png", ".four.png"):
        Image.fromarray(image).save(tmp_path / "p" / name)
    (tmp_path / "p" / "notes.txt").write_text("no picture")
    return tmp_path / "p"


def assert_read(answers: Any, short_side: int | None) -> None:
    """That pictures were read as data for training are."""
    read = ImageReader(SHAPE[:2], 3, short_side)
    images = np.stack([read(x["file"]) for x in answers])
    expected = softmax(logits_of(student(), images))
    np.testing.assert_allclose(probabilities(answers), expected, atol=1e-5)


def test_folders_are_searched_and_pictures_read_as_in_training(
    made: Callable[..., Path], wide: Path
) -> None:
    words = (made(Variant("onnx")), wide, "--top", CLASSES)
    answers, _ = predict(*words)
    names = [str(Path(x["file"]).relative_to(wide)) for x in answers]
    assert names == ["b/one.png", "two.jpg"]
    assert_read(answers, None)
    assert_read(predict(*words, "--evaluation-resize", 14)[0], 14)


@pytest.mark.parametrize("kind", ["onnx", "tflite", "saved_model"])
def test_files_say_how_a_run_cut_its_pictures(
    kind: str, wide: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"s{FORMATS[kind].suffix}"
    source = Source(student(), tmp_path, evaluation_resize=14)
    FORMATS[kind].write(source, Variant(kind), path)
    assert_read(predict(path, wide, "--top", CLASSES)[0], 14)


def test_models_of_a_run_get_pictures_as_it_cut_them(
    wide: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    student().save(run / "student.keras")
    (run / "samples.npz").touch()
    config = load_config(
        "digits_resnet14_resnet8x0.125",
        ["data.image_size=12", "data.evaluation_resize=14"],
    )
    origin = Origin(job="distill", config=config)
    (run / Origin.file_name).write_text(record_text(origin))
    answers, _ = predict(run / "student.keras", wide, "--top", CLASSES)
    assert_read(answers, 14)
    # The exporter hands it on.
    assert files_of_run(run).evaluation_resize == 14
