"""Every exported file computes what the Keras model does, or is rejected."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from export.errors import ExportError
from export.formats import parse_formats
from tests.tiny import tiny_teacher

SHAPE = (12, 12, 3)
CLASSES = 5
NAMES = ["ant", "bee", "cat", "dog", "elk"]
tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the exporter itself runs on the TensorFlow backend only",
)


def student() -> keras.Model:
    """The layout of a distilled student: nested encoder, projector, head."""
    keras.utils.set_random_seed(0)
    images = keras.Input(SHAPE, name="image")
    x = layers.Rescaling(1 / 127.5, offset=[-1.0, -0.9, -1.1])(images)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    shortcut = x = layers.ReLU()(x)
    x = layers.Conv2D(8, 3, padding="same")(x)
    x = layers.ReLU()(layers.Add()([x, shortcut]))
    encoder = keras.Model(images, x, name="encoder")
    features = keras.Input(encoder.output_shape[1:])
    x = layers.AveragePooling2D(2)(features)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, 1)(x)))
    projector = keras.Model(features, x, name="projector")
    mapped = keras.Input(projector.output_shape[1:])
    pooled = layers.GlobalAveragePooling2D()(mapped)
    head = keras.Model(mapped, layers.Dense(CLASSES)(pooled), name="head")
    images = keras.Input(SHAPE, name="image")
    model = keras.Model(images, head(projector(encoder(images))))
    random = np.random.default_rng(0)
    model.set_weights(
        [
            np.abs(random.normal(size=w.shape)).astype("float32") + 0.1
            if "variance" in variable.path
            else random.normal(size=w.shape, scale=0.5).astype("float32")
            for w, variable in zip(
                model.get_weights(), model.weights, strict=True
            )
        ]
    )
    return model


def pixels(count: int = 7) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.integers(0, 256, (count, *SHAPE)).astype("uint8")


def run_export(*arguments: Any) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "export", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "jax"},  # must not matter
    )


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One export by the command line, of a model of the running backend."""
    folder = tmp_path_factory.mktemp("export")
    model = student()
    model.save(folder / "student.keras")
    logits = keras.ops.convert_to_numpy(model(pixels().astype("float32")))
    labels = logits.argmax(-1)
    labels[0] = (labels[0] + 1) % CLASSES
    np.savez(folder / "images.npz", images=pixels(), labels=labels)
    (folder / "names.json").write_text(json.dumps(NAMES))
    done = run_export(
        folder / "student.keras",
        *("--out", folder / "out"),
        *("--images", folder / "images.npz"),
        *("--class-names", folder / "names.json"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "out" / "export_report.json").read_text())
    return {
        "out": folder / "out",
        "model": folder / "student.keras",
        "report": report,
        "stdout": done.stdout,
        "logits": logits,
    }


def test_every_format_is_accepted(exported: dict[str, Any]) -> None:
    report = exported["report"]
    assert report["accepted"]
    formats = [artifact["format"] for artifact in report["artifacts"]]
    assert formats == ["saved_model", "tflite", "onnx"]
    for artifact in report["artifacts"]:
        assert artifact["max_difference"] <= 1e-4
        assert artifact["top1_agreement"] == 1
        assert artifact["accuracy"] == pytest.approx(6 / 7)
        assert (exported["out"] / artifact["path"]).exists()
        checked = {(c["images"], c["batch_size"]) for c in artifact["checks"]}
        assert checked == {
            (images, size) for images in ("random", "real") for size in (1, 3)
        }
        assert artifact["path"] in exported["stdout"]


def test_report_describes_the_model(exported: dict[str, Any]) -> None:
    report = exported["report"]
    assert report["input_shape"] == list(SHAPE)
    assert report["classes"] == CLASSES
    assert report["output_activation"] == "linear"
    assert report["keras_accuracy"] == pytest.approx(6 / 7)
    assert report["images"] == {"random": 16, "real": 7}
    names = json.loads((exported["out"] / "labels.json").read_text())
    assert names == NAMES


def test_onnx_file_has_clean_names_and_any_batch(
    exported: dict[str, Any],
) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(exported["out"] / "student.onnx")
    (value,) = session.get_inputs()
    assert (value.name, value.shape) == ("image", ["batch", *SHAPE])
    assert [output.name for output in session.get_outputs()] == ["logits"]
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["labels"]) == NAMES
    logits = session.run(None, {"image": pixels().astype("float32")})[0]
    np.testing.assert_allclose(logits, exported["logits"], atol=1e-4)


def test_tflite_file_has_batch_one_and_built_in_operations(
    exported: dict[str, Any],
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    # LiteRT without TensorFlow's operations: Flex operations would fail.
    interpreter = Interpreter(str(exported["out"] / "student.tflite"))
    runner = interpreter.get_signature_runner()
    details = runner.get_input_details()["image"]
    assert list(details["shape"]) == [1, *SHAPE]
    logits = runner(image=pixels(1).astype("float32"))["logits"]
    np.testing.assert_allclose(logits, exported["logits"][:1], atol=1e-4)


def test_nothing_is_left_beside_the_folder(exported: dict[str, Any]) -> None:
    beside = [path.name for path in exported["out"].parent.iterdir()]
    assert not [name for name in beside if name.startswith(".part")]


def test_existing_export_is_kept_without_overwrite(
    exported: dict[str, Any],
) -> None:
    done = run_export(exported["model"], "--out", exported["out"])
    assert done.returncode == 2
    assert "Add --overwrite" in done.stderr
    assert "Traceback" not in done.stderr
    assert (exported["out"] / "student.onnx").exists()


@tensorflow_only
def test_folder_that_is_no_export_is_never_replaced(
    exported: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export.exporting import export_model

    out = tmp_path / "doc"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="which holds other files"):
        export_model(exported["model"], out, overwrite=True)
    # Not even an export is replaced under the feet of who stands in it.
    (out / "export_report.json").write_text("{}")
    (out / "inner").mkdir()
    for place in (out, out / "inner"):
        monkeypatch.chdir(place)
        for name in (".", ".."):
            with pytest.raises(ExportError, match="holds other files"):
                export_model(exported["model"], name, overwrite=True)
    assert (out / "thesis.txt").read_text() == "mine"


@tensorflow_only
def test_own_export_is_replaced_when_asked(tmp_path: Path) -> None:
    from export.exporting import export_model

    student().save(tmp_path / "s.keras")
    arguments = {"model_path": tmp_path / "s.keras", "out": tmp_path / "out"}
    export_model(**arguments, formats=["saved_model"])
    export_model(**arguments, formats=["tflite"], overwrite=True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"s.tflite", "export_report.json"}


@tensorflow_only
def test_random_and_mixed_precision_layers_leave_no_trace(
    tmp_path: Path,
) -> None:
    from export.exporting import export_model

    images = keras.Input(SHAPE)
    x = layers.RandomFlip("horizontal")(images)
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(4, 3, dtype="mixed_float16")(x)
    x = layers.GroupNormalization(2)(x)
    x = layers.Flatten()(layers.Conv2D(8, 3, groups=2)(x))
    x = layers.Dense(3, activation="softmax", dtype="float32")(x)
    keras.Model(images, x).save(tmp_path / "m.keras")
    np.savez(tmp_path / "images.npz", images=pixels())
    report = export_model(
        tmp_path / "m.keras", tmp_path / "out", images=tmp_path / "images.npz"
    )
    assert [a["reason"] for a in report["artifacts"]] == [None] * 3
    assert report["output_activation"] == "softmax"


def sample(count: int = 6) -> Any:
    from export.verification import Sample

    images = np.zeros((count, 2, 2, 1), "float32")
    return Sample("random", images, np.eye(3, dtype="float32")[[0] * count])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda logits: logits + 0.01, "logits differ by 0.01"),
        (lambda logits: logits * np.nan, "logits differ by inf"),
        (lambda logits: logits[:, ::-1], "logits differ by 1"),
    ],
)
def test_planted_faults_are_caught(change: Any, reason: str) -> None:
    from export.verification import verify

    good = sample().logits[0]
    verdict = verify(
        lambda images: change(np.stack([good] * len(images))), [sample()]
    )
    assert not verdict["accepted"]
    assert reason in verdict["reason"]


def test_tiny_flip_of_top1_and_randomness_are_caught() -> None:
    from export.verification import Sample
    from export.verification import verify

    images = np.zeros((3, 2, 2, 1), "float32")
    near = np.array([[0.5, 0.5 + 1e-6]] * 3, "float32")
    flipped = verify(
        lambda x: near[: len(x), ::-1], [Sample("r", images, near)]
    )
    assert "top-1 agrees on 0.0%" in flipped["reason"]
    random = np.random.default_rng(0)
    noisy = verify(
        lambda x: near[: len(x)] + random.uniform(0, 1e-7, (len(x), 1)),
        [Sample("r", images, near)],
    )
    assert noisy["reason"] == "two runs on the same images differ"


def test_tolerance_is_the_users() -> None:
    from export.verification import verify

    good = sample().logits[0]

    def off(images: np.ndarray) -> np.ndarray:
        return np.stack([good + 0.01] * len(images))

    assert verify(off, [sample()], tolerance=0.1)["accepted"]
    reason = verify(off, [sample()])["reason"]
    assert "more than 0.0001, where Keras gives up to 1" in reason


def test_identical_logits_are_accepted() -> None:
    from export.verification import verify

    good = sample().logits[0]
    verdict = verify(lambda images: np.stack([good] * len(images)), [sample()])
    assert verdict["accepted"]
    assert verdict["max_difference"] == 0


@tensorflow_only
def test_failed_conversion_is_rejected_and_the_others_are_made(
    tmp_path: Path,
) -> None:
    from export.exporting import export_model

    images = keras.Input(SHAPE)
    x = layers.Resizing(5, 5, interpolation="bicubic")(images)
    x = layers.Dense(3)(layers.Flatten()(x))
    keras.Model(images, x).save(tmp_path / "m.keras")
    report = export_model(
        tmp_path / "m.keras",
        tmp_path / "out",
        formats=["saved_model", "tflite"],
    )
    assert [a["accepted"] for a in report["artifacts"]] == [True, False]
    assert report["artifacts"][1]["reason"]
    assert not report["accepted"]


def bad_model(kind: str, folder: Path) -> Path:
    path = folder / "m.keras"
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
        x = keras.Input(SHAPE)
        flat = layers.Flatten()(x)
        keras.Model(x, [flat, layers.Dense(3)(flat)]).save(path)
    elif kind == "vector":
        x = keras.Input((4,))
        keras.Model(x, layers.Dense(3)(x)).save(path)
    elif kind == "any size":
        x = keras.Input((None, None, 3))
        pooled = layers.GlobalAveragePooling2D()(x)
        keras.Model(x, layers.Dense(3)(pooled)).save(path)
    return path


@tensorflow_only
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "does not exist"),
        ("folder", "is a folder"),
        ("text", "cut short"),
        ("truncated", "cut short"),
        ("damaged", "damaged"),
        ("unbuilt", "0 inputs and 0 outputs"),
        ("empty zip", "must load with Keras alone"),
        ("two outputs", "1 inputs and 2 outputs"),
        ("vector", "must take images"),
        ("any size", "of known size"),
    ],
)
def test_unusable_models_get_one_message(
    kind: str, message: str, tmp_path: Path
) -> None:
    from export.exporting import export_model

    path = bad_model(kind, tmp_path)
    with pytest.raises(ExportError, match=message) as error:
        export_model(path, tmp_path / "out")
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
    assert "must load with Keras alone" in message
    assert "atsc.student.to_functional()" in message
    assert len(message) < 600
    assert not (tmp_path / "out").exists()


@tensorflow_only
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pixels": pixels()}, "an array `images`"),
        ({"images": pixels()[:, :4]}, "as the model takes"),
        ({"images": pixels(), "labels": [1, 2]}, "one label an image"),
        (None, "an array `images`"),
        (pixels(), "an array `images`"),
    ],
)
def test_unusable_images_get_one_message(
    arrays: Any, message: str, tmp_path: Path
) -> None:
    from export.loading import load_images

    path = tmp_path / "images.npz"
    if arrays is None:
        path.write_text("no npz")
    elif not isinstance(arrays, dict):
        with path.open("wb") as file:
            np.save(file, arrays)
    else:
        np.savez(path, **arrays)
    with pytest.raises(ExportError, match=message):
        load_images(path, SHAPE)


def test_unknown_format_names_the_nearest() -> None:
    assert parse_formats("onnx, tflite,onnx") == ["onnx", "tflite"]
    with pytest.raises(ExportError, match="'onx'. Did you mean onnx?"):
        parse_formats("saved_model,onx")
    with pytest.raises(ExportError, match="Received: ''"):
        parse_formats("")


def test_class_names_must_fit_the_classes(tmp_path: Path) -> None:
    from export.loading import load_class_names

    path = tmp_path / "names.json"
    path.write_text('["a", "b"]')
    assert load_class_names(path, 2) == ["a", "b"]
    with pytest.raises(ExportError, match="with 2, model with 3 classes"):
        load_class_names(path, 3)
    path.write_text("no json")
    with pytest.raises(ExportError, match="must be a JSON file"):
        load_class_names(path, 3)
