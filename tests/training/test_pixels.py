"""A saved network's pixels are stated or checked, and kept in what is saved."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from keras import layers

from atsc_keras.config import load_config
from atsc_keras.data import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.training.jobs import distill, evaluate
from atsc_keras.training.networks import build_student, build_teacher
from tests.models.test_input_checks import pictures, seen_as, trained_on
from tests.tiny_experiment import write_config

STATED = ["0..1", "-1..1", "densenet", "resnet50", "mean=120 std=60"]


def experiment(folder: Path, **sections: Any) -> Path:
    path = write_config(folder, epochs=1, **sections)
    (x_train, y_train), (x_test, y_test) = pictures(48, 0), pictures(120, 1)
    np.savez(
        folder / "data.npz",
        **{"x_train": x_train, "y_train": y_train},
        **{"x_test": x_test, "y_test": y_test},
    )
    return path


def saved(folder: Path, model: keras.Model) -> str:
    path = folder / "given.keras"
    model.save(path)
    return str(path)


def given(folder: Path, model: keras.Model, **more: Any) -> dict[str, Any]:
    return {"network": "own", "weights": saved(folder, model), **more}


@pytest.mark.parametrize("stated", STATED)
@pytest.mark.parametrize("who", ["teacher", "student"])
def test_stated_pixels_become_a_layer(
    who: str, stated: str, tmp_path: Path
) -> None:
    model = trained_on(stated, normalized=stated != "resnet50")
    section = given(tmp_path, model, pixels=stated)
    config = load_config(experiment(tmp_path, **{who: section}))
    dataset = load_dataset(config.data)
    build: Any = build_teacher if who == "teacher" else build_student
    asked = config.teachers[0] if who == "teacher" else config.student
    network = build(asked, dataset)
    images, _ = dataset.test.arrays
    np.testing.assert_allclose(
        network.predict(images.astype("float32"), verbose=0),
        model.predict(seen_as(stated, images), verbose=0),
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_images_that_contradict_plain_pixels_stop_a_run(
    who: str, tmp_path: Path
) -> None:
    section = given(tmp_path, trained_on("0..1"))
    path = experiment(tmp_path, **{who: section})
    with pytest.raises(InputError) as caught:
        distill(load_config(path), tmp_path / "run")
    message = str(caught.value)
    assert message.startswith(f"`{who}.pixels` must be stated")
    assert "given.keras, which is right on" in message
    assert f"Write {who}.pixels: " in message
    assert not (tmp_path / "run").exists()
    # Who says that it is right is believed.
    silent = load_config(path, [f"{who}.pixels=0..255"])
    dataset = load_dataset(silent.data)
    if who == "teacher":
        assert build_teacher(silent.teachers[0], dataset)
    else:
        assert build_student(silent.student, dataset)


def test_run_saves_and_evaluates_models_of_plain_pixels(tmp_path: Path) -> None:
    model = trained_on("0..1")
    section = given(tmp_path, model, pixels="0..1")
    config = load_config(experiment(tmp_path, teacher=section))
    metrics = distill(config, tmp_path / "run")
    assert metrics.models["teacher"].accuracy > 0.9
    images, _ = pictures(120, 1)
    loaded = keras.models.load_model(tmp_path / "run" / "teacher.keras")
    np.testing.assert_allclose(
        loaded.predict(images.astype("float32"), verbose=0),
        model.predict(seen_as("0..1", images), verbose=0),
        rtol=1e-3,
        atol=1e-3,
    )
    scores = evaluate(config, tmp_path / "run" / "teacher.keras")
    assert scores.accuracy == metrics.models["teacher"].accuracy
    recorded = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert recorded["teacher"]["pixels"] == "0..1"


@pytest.mark.parametrize("stated", ["0..1", "-1..1"])
def test_evaluating_notes_that_a_file_wants_other_pixels(
    stated: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = trained_on(stated)
    config = load_config(experiment(tmp_path))
    path = saved(tmp_path, model)
    evaluate(config, path)
    note = capsys.readouterr().out
    assert note.startswith(f"Note: given pixels from 0 to 255, {path} is right")
    # What it says to do is what helps, and ends the note.
    asked = note.partition("pixels='")[2].partition("'")[0]
    wanted = ImageClassifier.from_model(model, pixels=asked)
    path = saved(tmp_path, wanted.to_functional())
    assert evaluate(config, path).accuracy > 0.9
    assert capsys.readouterr().out == ""


def test_right_teacher_is_never_asked(tmp_path: Path) -> None:
    model = trained_on("0..255", [layers.Rescaling(1 / 255)])
    config = load_config(experiment(tmp_path, teacher=given(tmp_path, model)))
    assert build_teacher(config.teachers[0], load_dataset(config.data))


def small(shape: tuple, classes: int = 3, **conv: Any) -> keras.Model:
    image = keras.Input(shape)
    x = layers.Conv2D(4, 3, **conv)(layers.Rescaling(1 / 255)(image))
    pool = layers.GlobalAveragePooling2D(data_format=conv.get("data_format"))
    return keras.Model(image, layers.Dense(classes)(pool(x)))


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_network_of_any_size_is_built_for_the_data(
    who: str, tmp_path: Path
) -> None:
    section = given(tmp_path, small((None, None, 3)))
    config = load_config(experiment(tmp_path, **{who: section}))
    dataset = load_dataset(config.data)
    if who == "teacher":
        network = build_teacher(config.teachers[0], dataset)
    else:
        network = build_student(config.student, dataset)
    assert network.image_shape == (8, 8, 3)
    assert network.feature_shape == (6, 6, 4)
    assert evaluate(config, config.teachers[0].weights or section["weights"])


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_channels_first_are_named_at_the_door(who: str, tmp_path: Path) -> None:
    model = small((3, 8, 8), data_format="channels_first")
    path = experiment(tmp_path, **{who: given(tmp_path, model)})
    with pytest.raises(InputError, match="channels_first, input"):
        distill(load_config(path), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_grey_images_for_a_colour_teacher_name_the_key(tmp_path: Path) -> None:
    section = given(tmp_path, small((8, 8, 3), classes=10))
    digits = {"source": "digits", "batch_size": 64}
    path = write_config(tmp_path, epochs=1, data=digits, teacher=section)
    config = load_config(path)
    with pytest.raises(InputError, match="Set `data.channels: 3`"):
        build_teacher(config.teachers[0], load_dataset(config.data))
    config = load_config(path, ["data.channels=3"])
    assert build_teacher(config.teachers[0], load_dataset(config.data))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"network": "resnet8", "pixels": "0..1"}, "a saved `.keras` file"),
        (
            {
                "network": "keras.applications/VGG16",
                "weights": "imagenet",
                "pixels": "vgg16",
            },
            "a saved `.keras` file",
        ),
        (
            {"network": "x", "weights": "x.keras", "pixels": "vgg1"},
            "Did you mean vgg1",
        ),
        (
            {"network": "x", "weights": "x.keras", "pixels": {"mean": [0.5]}},
            "in units of 0 to 255",
        ),
    ],
)
def test_config_says_what_is_wrong(
    section: dict, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="student.pixels: ") as caught:
        load_config(write_config(tmp_path, student=section))
    assert said in str(caught.value)


def test_config_takes_a_mapping(tmp_path: Path) -> None:
    stated = {"mean": [120, 110.5, 100], "std": [50, 50, 50]}
    section = {"network": "x", "weights": "x.keras", "pixels": stated}
    config = load_config(write_config(tmp_path, student=section))
    expected = "mean=120,110.5,100 std=50,50,50"
    assert config.student.pixels == expected
