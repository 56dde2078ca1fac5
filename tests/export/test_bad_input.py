"""Wrong input to the exporter gets one message and leaves nothing behind."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.errors import InputError
from export import FORMATS, ExportJob, Variant
from export.formats import check_packages, parse_list, variants
from tests.export.models import (
    SHAPE,
    call_export,
    pixels,
    run_export,
    student,
)
from tests.tiny import tiny_teacher

# === Models ===


def bad_model(kind: str, folder: Path) -> Path:
    path = folder / "m.keras"
    images = keras.Input(SHAPE)
    flat = layers.Flatten()(images)
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("no zip")
    elif kind == "truncated":
        student().save(path)
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "damaged":
        student().save(path)
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 255
        path.write_bytes(whole)
    elif kind == "unbuilt":
        with pytest.warns(UserWarning, match="not yet been built"):
            keras.Sequential([layers.Flatten()]).save(path)
    elif kind == "empty zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a.txt", "a")
    elif kind == "two outputs":
        keras.Model(images, [flat, layers.Dense(3)(flat)]).save(path)
    elif kind == "vector":
        x = keras.Input((4,))
        keras.Model(x, layers.Dense(3)(x)).save(path)
    elif kind == "any size":
        x = keras.Input((None, None, 3))
        pooled = layers.GlobalAveragePooling2D()(x)
        keras.Model(x, layers.Dense(3)(pooled)).save(path)
    elif kind == "one number":
        keras.Model(images, layers.Dense(1)(flat)).save(path)
    elif kind == "sigmoid":
        x = layers.Dense(3, activation="sigmoid", name="tags")(flat)
        keras.Model(images, x).save(path)
    elif kind == "map":
        keras.Model(images, layers.Conv2D(2, 1)(images)).save(path)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "does not exist"),
        ("folder", "is a folder"),
        ("text", "begins with 'no zip'"),
        ("truncated", "cut short"),
        ("damaged", "damaged"),
        ("unbuilt", "of class Sequential, without inputs"),
        ("empty zip", "zip file without config.json"),
        ("two outputs", r"1 inputs and 2 outputs \(keras_tensor"),
        ("vector", "must take images"),
        ("any size", "Add --image-size"),
        ("one number", "one number an image that no sigmoid made"),
        ("sigmoid", "ends in 3 sigmoid units: several labels"),
        ("map", r"output \(None, 12, 12, 2\)"),
    ],
)
def test_unusable_models_get_one_message(
    kind: str, message: str, tmp_path: Path
) -> None:
    from export.exporting import export

    path = bad_model(kind, tmp_path)
    with pytest.raises(InputError, match=message) as error:
        export(ExportJob(path, tmp_path / "out"))
    assert "Received: " in str(error.value)
    assert len(str(error.value)) < 600
    assert not (tmp_path / "out").exists()


def test_model_of_another_package_gets_one_short_message(
    tmp_path: Path,
) -> None:
    tiny_teacher().save(tmp_path / "m.keras")
    done = run_export(tmp_path / "m.keras", "--out", tmp_path / "out")
    assert done.returncode == 2
    message = done.stderr[done.stderr.index("Error: ") :]
    assert "must be a functional model of stock layers" in message
    assert "m.keras of class ImageClassifier, without inputs" in message
    assert "atsc.student.to_functional()" in message
    assert len(message) < 600
    assert not (tmp_path / "out").exists()


# === Options ===


def test_int8_without_training_images_is_refused(tmp_path: Path) -> None:
    from export.exporting import export

    student().save(tmp_path / "s.keras")
    np.savez(tmp_path / "d.npz", x_test=pixels())
    for data, message in (
        (None, "Received: int8 without any. Add --data"),
        (tmp_path / "d.npz", "never by those of the test"),
    ):
        with pytest.raises(InputError, match=message):
            export(
                ExportJob(
                    tmp_path / "s.keras",
                    tmp_path / "out",
                    variants=[Variant("tflite", "int8")],
                    data=data,
                )
            )
        assert not (tmp_path / "out").exists()


def test_lists_name_the_nearest_known_name() -> None:
    known = parse_list("--formats", "onnx, tflite,onnx", [*FORMATS])
    assert known == ["onnx", "tflite"]
    with pytest.raises(InputError, match="'onx'. Did you mean onnx?"):
        parse_list("--formats", "saved_model,onx", [*FORMATS])
    with pytest.raises(InputError, match="Received: ''"):
        parse_list("--formats", "", [*FORMATS])


def test_variants_are_the_combinations_that_exist() -> None:
    kinds = ["saved_model", "tflite", "onnx"]
    every = variants(kinds, ["float16", "int8"], ["float32", "uint8"])
    names = [FORMATS[v.format].file_name(v, "s") for v in every]
    assert len(set(names)) == len(names) == 2 * (1 + 3 + 3)
    assert "s_int8_from_uint8.tflite" in names
    assert variants(["onnx"], ["int8"], ["float32"])[0] == Variant("onnx")
    with pytest.raises(InputError, match="It is made for tflite and onnx"):
        variants(["saved_model"], ["int8"], ["float32"])


def test_missing_package_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_packages([Variant("onnx", "float16"), Variant("tflite")])
    gone = {"ai_edge_litert", "onnxconverter_common", "tf2onnx"}
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in gone else name
    )
    check_packages([Variant("saved_model")])
    wanted = [Variant("tflite"), Variant("onnx"), Variant("onnx", "float16")]
    with pytest.raises(InputError, match="pip install .atsc-keras") as error:
        check_packages(wanted)
    assert (
        "tflite without ai-edge-litert; "
        "onnx without tf2onnx, onnxconverter-common."
    ) in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Received: neither"),
        (("m.keras", "--from-run", "r"), "Received: both"),
        (("m.keras",), "needs --out"),
        (("m.keras", "--out", "o", "--tolerance", "nan"), "--tolerance must"),
        (("m.keras", "--out", "o", "--threads", "0"), "--threads must be at"),
        (("--from-run", "none"), "folder of a finished run"),
        (("m.keras", "--out", "o", "--precision", "int4"), "did you mean int8"),
    ],
)
def test_wrong_words_on_the_command_line(
    arguments: tuple[str, ...], message: str
) -> None:
    done = call_export(*arguments)
    assert done.returncode == 2
    assert message.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_models_to_compare_must_fit(tmp_path: Path) -> None:
    from export.exporting import export

    (tmp_path / "b").mkdir()
    student().save(tmp_path / "s.keras")
    student().save(tmp_path / "b" / "s.keras")
    x = keras.Input((6, 6, 3))
    pooled = layers.GlobalAveragePooling2D()(x)
    keras.Model(x, layers.Dense(3)(pooled)).save(tmp_path / "t.keras")
    for other, message in (
        ("b/s.keras", "Rename one"),
        ("t.keras", "models of the same images"),
    ):
        with pytest.raises(InputError, match=message):
            export(
                ExportJob(
                    tmp_path / "s.keras",
                    tmp_path / "out",
                    variants=[Variant("onnx")],
                    compare=[tmp_path / other],
                )
            )
        assert [p.name for p in tmp_path.glob("*out*")] == []


def test_class_names_must_fit_the_classes(tmp_path: Path) -> None:
    from export.checks import load_class_names

    path = tmp_path / "names.json"
    path.write_text('["a", "b"]')
    assert load_class_names(path, 2) == ["a", "b"]
    with pytest.raises(InputError, match="with 2, model with 3 classes"):
        load_class_names(path, 3)
    path.write_text("no json")
    with pytest.raises(InputError, match="must be a JSON file"):
        load_class_names(path, 3)
    path.write_text("[0, 1]")
    assert load_class_names(path, 2) == ["0", "1"]
    for names in ('["a\\n", "b\\n"]', '["a", "a"]', '["a", ""]', "[null, 1]"):
        path.write_text(names)
        with pytest.raises(InputError, match=r"one line.*line.strip\(\)"):
            load_class_names(path)
