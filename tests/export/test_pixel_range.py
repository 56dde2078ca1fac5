"""Exported files take plain pixels, whatever the model wants of them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.errors import InputError
from export import FORMATS, ExportJob, Variant
from export.formats.base import CONTRACT, Source
from tests.export.models import call_export
from tests.models.test_input_checks import pictures, seen_as, trained_on
from tests.models.test_inputs import hub_task

STATED = ["0..255", "0..1", "-1..1", "densenet", "resnet50", "0..1 bgr"]
MEAN = "mean=120,110,100 std=50,60,70"
FILES = [
    Variant("saved_model"),
    *(Variant("tflite", x) for x in ("float32", "float16", "int8", "dynamic")),
    *(Variant("onnx", x) for x in ("float32", "float16", "int8")),
    *(Variant(x, "int8", "uint8") for x in ("tflite", "onnx")),
]
# Of the largest logit; for fewer bits what the same model loses anyway.
LIMITS = {"float32": 1e-4, "float16": 0.02, "dynamic": 0.05, "int8": 0.15}


@pytest.mark.parametrize("stated", [*STATED, MEAN])
def test_files_take_plain_pixels(stated: str, tmp_path: Path) -> None:
    from export.loading import load_classifier

    model = trained_on(stated, epochs=2)
    model.save(tmp_path / "m.keras")
    images, _ = pictures(64, 1)
    expected = model.predict(seen_as(stated, images), verbose=0)
    loaded = load_classifier(tmp_path / "m.keras", stated).logits
    source = Source(loaded, tmp_path, calibration=images, normalizes_to=stated)
    # Every kind of file of the one that also changes the order of colours.
    for variant in FILES if stated == "resnet50" else FILES[1:6:2]:
        kind = FORMATS[variant.format]
        path = tmp_path / kind.file_name(variant, "m")
        kind.write(source, variant, path)
        logits = kind.open(path, 1)(images.astype(variant.pixels))["logits"]
        off = np.abs(logits - expected).max() / np.abs(expected).max()
        assert off < LIMITS[variant.precision], variant
        said = json.loads(contract(variant.format, path))
        assert said["input"] == {
            "name": "image",
            "dtype": variant.pixels,
            "layout": "NHWC",
            **{"height": 8, "width": 8, "channels": "RGB"},
            "range": [0, 255],
            "normalization": stated,
        }
        assert said["outputs"] == ["logits"]


def contract(kind: str, path: Path) -> Any:
    """Read with the runtime's own API."""
    if kind == "saved_model":
        return (path / "assets.extra" / f"{CONTRACT}.json").read_text("utf-8")
    if kind == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        return session.get_modelmeta().custom_metadata_map[CONTRACT]
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    entries = [model.Metadata(i) for i in range(model.MetadataLength())]
    found = next(x for x in entries if x.Name().decode() == CONTRACT)
    return model.Buffers(found.Buffer()).DataAsNumpy().tobytes().decode()


# === What is not stated ===


def data(folder: Path) -> Path:
    (x_train, y_train), (x_test, y_test) = pictures(48, 0), pictures(120, 1)
    path = folder / "data.npz"
    np.savez(
        path,
        **{"x_train": x_train, "y_train": y_train},
        **{"x_test": x_test, "y_test": y_test},
    )
    return path


@pytest.fixture(scope="module")
def zero_to_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that wants pixels from 0 to 1."""
    path = tmp_path_factory.mktemp("trained") / "m.keras"
    trained_on("0..1").save(path)
    return path


@pytest.fixture
def job(zero_to_one: Path, tmp_path: Path) -> ExportJob:
    shutil.copy(zero_to_one, tmp_path)
    return ExportJob(
        tmp_path / "m.keras",
        tmp_path / "out",
        variants=[Variant("tflite"), Variant("tflite", "int8")],
        data=data(tmp_path),
    )


@pytest.mark.parametrize("precision", ["int8", "dynamic"])
def test_contradiction_stops_what_is_quantised(
    precision: str, job: ExportJob
) -> None:
    from export.exporting import export

    quantised = [Variant("tflite"), Variant("tflite", precision)]
    with pytest.raises(InputError) as caught:
        export(replace(job, variants=quantised))
    message = str(caught.value)
    assert message.startswith("--pixel-range must be stated")
    assert "m.keras, which is right on" in message
    assert "Add --pixel-range " in message
    assert not job.out.exists()


def test_contradiction_is_a_note_in_float32(job: ExportJob) -> None:
    from export.exporting import PAGE, export
    from export.table import text_report

    report = export(replace(job, variants=[Variant("tflite")]))
    assert report.accepted
    note = report.models[0].note
    assert note is not None
    assert note.startswith("m.keras seems not to take plain pixels")
    assert note in " ".join(text_report(report).split())
    assert note in (job.out / PAGE).read_text("utf-8")


def test_what_is_stated_is_believed(job: ExportJob) -> None:
    from export.exporting import export

    report = export(replace(job, pixel_range="0..1"))
    assert report.accepted
    assert report.models[0].note is None
    assert report.models[0].artifacts[1].accuracy > 0.9
    wrong = replace(job, pixel_range="0..255", out=job.out.with_name("wrong"))
    report = export(wrong)
    assert report.models[0].note is None
    assert report.models[0].keras.accuracy < 0.9


def test_model_to_compare_with_has_a_range_of_its_own(job: ExportJob) -> None:
    from export.exporting import export

    student = job.model.with_name("s.keras")
    trained_on("0..255", [layers.Rescaling(1 / 255)]).save(student)
    job = replace(job, model=student, compare=[job.model])
    with pytest.raises(InputError, match="^--compare-pixel-range must be"):
        export(job)
    assert not job.out.exists()
    report = export(replace(job, compare_pixel_range="0..1"))
    assert [x.keras.accuracy > 0.9 for x in report.models] == [True, True]
    said = contract("tflite", job.out / "m" / "m.tflite")
    assert json.loads(said)["input"]["normalization"] == "0..1"


def test_command_line_states_it(job: ExportJob) -> None:
    words = (job.model, "--formats", "tflite", "--data", job.data)
    done = call_export(
        *words, "--out", job.out, "--pixel-range", "0..1", "--precision", "int8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    done = call_export(*words, "--out", job.out, "--pixel-range", "vgg1")
    assert done.returncode == 2
    assert "`--pixel-range` must be a range" in done.stderr
    assert "Did you mean vgg1" in done.stderr


# === Layout and size ===


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, None, None)])
def test_channels_first_are_turned(shape: tuple, tmp_path: Path) -> None:
    from export.exporting import export

    layout = {"data_format": "channels_first"}
    image = keras.Input(shape)
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, **layout)(x)
    x = layers.ReLU()(layers.BatchNormalization(axis=1)(x))
    x = layers.MaxPooling2D(**layout)(x)
    x = layers.DepthwiseConv2D(3, activation="relu", **layout)(x)
    x = layers.GlobalAveragePooling2D(**layout)(x)
    model = keras.Model(image, layers.Dense(3)(x))
    model.save(tmp_path / "m.keras")
    job = ExportJob(
        tmp_path / "m.keras",
        tmp_path / "out",
        variants=(
            [Variant("onnx")]
            if None in shape
            else [*map(Variant, FORMATS), Variant("tflite", "int8")]
        ),
        data=data(tmp_path),
    )
    report = export(job)
    assert report.models[0].input_shape == (8, 8, 3)
    reasons = [x.reason for x in report.models[0].artifacts]
    assert report.accepted, reasons


def any_size(folder: Path) -> Path:
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(image))
    x = layers.GlobalAveragePooling2D()(x)
    keras.Model(image, layers.Dense(3)(x)).save(folder / "m.keras")
    return folder / "m.keras"


def test_model_of_any_size_takes_that_of_the_data(tmp_path: Path) -> None:
    from PIL import Image

    from export.loading import load_classifier

    path = any_size(tmp_path)
    of_npz = load_classifier(path, data=data(tmp_path)).given
    assert of_npz.input_shape == (None, 8, 8, 3)
    (tmp_path / "test" / "cat").mkdir(parents=True)
    picture = Image.fromarray(np.zeros((5, 7, 3), "uint8"))
    picture.save(tmp_path / "test" / "cat" / "0.png")
    of_folder = load_classifier(path, data=tmp_path).given
    assert of_folder.input_shape == (None, 5, 7, 3)
    picture.resize((3, 3)).save(tmp_path / "test" / "cat" / "1.png")
    with pytest.raises(InputError, match="Add --image-size"):
        load_classifier(path, data=tmp_path)
    given = load_classifier(path, size=(6, 9), data=tmp_path).given
    assert given.input_shape == (None, 6, 9, 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Add --image-size"),
        (("--image-size", "0"), "number of pixels, or height x width"),
        (("--image-size", "8x"), "number of pixels, or height x width"),
        (("--image-size", "abc"), "number of pixels, or height x width"),
    ],
)
def test_size_that_is_missing_or_none_is_one_message(
    words: tuple, said: str, tmp_path: Path
) -> None:
    done = call_export(any_size(tmp_path), "--out", tmp_path / "out", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_size_is_not_for_a_model_that_has_one(job: ExportJob) -> None:
    from export.exporting import export

    with pytest.raises(InputError, match="--image-size is for a model of any"):
        export(replace(job, image_size=(9, 9)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [8, None])
def test_saved_task_of_keras_hub_brings_its_preprocessor(
    size: int | None, tmp_path: Path
) -> None:
    from export.loading import load_classifier

    task = hub_task(size, scale=1 / 127.5, offset=-1.0)
    task.save(tmp_path / "m.keras")
    loaded = load_classifier(tmp_path / "m.keras").given
    images = pictures(4, 1)[0].astype("float32")
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0),
        task.predict(images, verbose=0),
        rtol=1e-3,
        atol=1e-4,
    )
