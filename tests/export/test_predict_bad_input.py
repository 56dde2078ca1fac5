"""What `atsc predict` cannot use gets one message, and no answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from onnx import TensorProto

from atsc_keras.errors import InputError
from export import FORMATS, Variant
from export.formats.base import Source
from tests.export import tiny_onnx
from tests.export.models import SHAPE, pixels, student
from tests.export.predicting import of_end, predict, write_pictures


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "good", pixels(1)) / "000.png"


def sigmoids(folder: Path) -> Path:
    """An ONNX file of several labels a picture."""
    import onnx

    path = tiny_onnx.write_linear_onnx(folder / "m.onnx")
    proto = onnx.load(path)
    (product,) = (x for x in proto.graph.node if x.op_type == "MatMul")
    product.output[0] = "z"
    proto.graph.node.append(onnx.helper.make_node("Sigmoid", ["z"], ["logits"]))
    onnx.save(proto, path)
    return path


def damaged(name: str, folder: Path) -> Path:
    (folder / name).write_bytes(b"\x1c\0\0\0TFL3" + bytes(range(250)))
    return folder / name


def saved(model: keras.Model, folder: Path) -> Path:
    model.save(folder / "m.keras")
    return folder / "m.keras"


def linear(folder: Path, **changes: Any) -> Path:
    return tiny_onnx.write_linear_onnx(folder / "m.onnx", **changes)


def of_names(folder: Path, text: str) -> list[object]:
    (folder / "n.json").write_text(text)
    return ["--class-names", folder / "n.json"]


FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda p: p / "m.onnx", "which does not exist"),
    "text": (lambda p: damaged("m.txt", p), "which is a TFLite file"),
    "folder": (lambda p: p, "is a folder. Give one of its files|in it"),
    "onnx": (lambda p: damaged("m.onnx", p), "must be a whole onnx file"),
    "tflite": (lambda p: damaged("m.tflite", p), "a whole tflite file"),
    "keras": (lambda p: damaged("m.keras", p), "`FILE`, unless named"),
    "sigmoids": (sigmoids, "do not sum to 1: several"),
    "first": (
        lambda p: linear(p, shape=(3, 6, 5)),
        r"image has the shape \[None, 3, 6, 5\]",
    ),
    "any size": (
        lambda p: linear(p, shape=("h", "w", 3)),
        "of any size must be given one",
    ),
    "vector": (lambda p: linear(p, shape=(8,)), r"has the shape \[None, 8\]"),
    "int32": (lambda p: linear(p, kind=TensorProto.INT32), "is of int32"),
    "tags": (
        lambda p: saved(of_end("sigmoid_of_many"), p),
        "`FILE` must tell which one class",
    ),
    "one number": (
        lambda p: saved(
            keras.Model(
                (x := keras.Input(SHAPE)), layers.Dense(1)(layers.Flatten()(x))
            ),
            p,
        ),
        "`FILE` must give scores of classes",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_are_no_classifiers_get_one_message(
    kind: str, tmp_path: Path, picture: Path
) -> None:
    make, message = FILES[kind]
    with pytest.raises(InputError, match=message) as error:
        predict(make(tmp_path), picture)
    assert "Received: " in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (lambda p: ["--top", 0], "`--top` must be at least 1. Received: 0"),
        (lambda p: ["--top", 5], "number of classes. Received: 5, .* with 4"),
        (lambda p: of_names(p, '["a"]'), "with 1, model with 4 classes"),
        (lambda p: of_names(p, "no"), "--class-names must be a JSON file"),
        (lambda p: ["--pixel-range", "often"], "`--pixel-range` must be"),
        (lambda p: ["--pixel-range", "mean=1,2 std=3,4"], "must fit what"),
        (lambda p: ["--image-size", "8"], r"size. Received: \(8, 8\)"),
        (lambda p: ["--evaluation-resize", 5], "at least the sides"),
        (lambda p: [p / "no.png"], "no.png, which does not exist"),
        (lambda p: [p / "empty"], "empty, which holds no .png"),
        (lambda p: [p / "text.png"], "text.png"),
        (lambda p: [p / "cut.png"], "cut.png"),
    ],
)
def test_wrong_words_and_pictures_get_one_message(
    words: Callable[[Path], list[object]],
    message: str,
    tmp_path: Path,
    picture: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:-80])
    with pytest.raises(InputError, match=message) as error:
        predict(linear(tmp_path), picture, *words(tmp_path))
    assert "Received: " in str(error.value)
    assert capsys.readouterr().out == ""


def test_stated_pixels_contradict_a_file_that_says_them(
    tmp_path: Path, picture: Path
) -> None:
    path = tmp_path / "m.onnx"
    source = Source(student(), tmp_path)
    FORMATS["onnx"].write(source, Variant("onnx"), path)
    words = (path, picture, "--pixel-range")
    predict(*words, "0..255")
    with pytest.raises(InputError, match="says that it takes plain pixels"):
        predict(*words, "0..1")


def test_size_that_a_file_cannot_have_is_one_message(
    tmp_path: Path, picture: Path
) -> None:
    path = linear(tmp_path, shape=("h", "w", 3))  # weights are for 1x1
    predict(path, picture, "--image-size", "1")
    with pytest.raises(InputError, match="fails on them"):
        predict(path, picture, "--image-size", "2x3")
    images = keras.Input((None, None, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 5)(images))
    path = saved(keras.Model(images, layers.Dense(3)(x)), tmp_path)
    with pytest.raises(InputError, match=r"layers can have.* \(4, 4\)"):
        predict(path, picture, "--image-size", "4")


def test_broken_weights_are_one_message(tmp_path: Path, picture: Path) -> None:
    model = of_end("logits")
    model.set_weights([x * np.nan for x in model.get_weights()])
    with pytest.raises(InputError, match="must give finite scores.*000.png"):
        predict(saved(model, tmp_path), picture)
