"""Every exported file computes what the Keras model does."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.errors import InputError
from atsc_keras.files.whole import files_in
from atsc_keras.records.exports import ExportReport
from atsc_keras.records.reading import read_record
from export import FORMATS, ExportJob, Variant
from export.formats import variants
from tests.export.models import (
    CLASSES,
    NAMES,
    SHAPE,
    call_export,
    logits_of,
    pixels,
    run_export,
    student,
)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One export by the command line, of a model of the running backend."""
    folder = tmp_path_factory.mktemp("export")
    model = student()
    model.save(folder / "student.keras")
    logits = logits_of(model, pixels())
    labels = logits.argmax(-1)
    labels[0] = (labels[0] + 1) % CLASSES
    np.savez(folder / "data.npz", x_test=pixels(), y_test=labels)
    (folder / "names.json").write_text(json.dumps(NAMES))
    done = run_export(
        folder / "student.keras",
        *("--out", folder / "out"),
        *("--data", folder / "data.npz"),
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
    assert exported["report"]["accepted"]
    artifacts = exported["report"]["models"][0]["artifacts"]
    formats = [artifact["format"] for artifact in artifacts]
    assert formats == [*FORMATS]
    for artifact in artifacts:
        assert artifact["max_difference"] <= 1e-4
        assert artifact["top1_agreement"] == 1
        assert artifact["accuracy"] == pytest.approx(6 / 7)
        assert (exported["out"] / artifact["path"]).exists()
        checked = {(c["images"], c["batch_size"]) for c in artifact["checks"]}
        assert checked == {
            (images, size) for images in ("random", "real") for size in (1, 8)
        }
        for size in ("1", "32"):
            timed = artifact["latency"][size]
            assert 0 < timed["min_ms"] <= timed["median_ms"]
        assert artifact["path"] in exported["stdout"]


def test_report_describes_the_model(exported: dict[str, Any]) -> None:
    report = exported["report"]
    assert report["schema_version"] == 2
    assert read_record(exported["out"], ExportReport) is not None
    assert report["images"] == {"random": 16, "real": 7}
    model = report["models"][0]
    assert model["input_shape"] == list(SHAPE)
    assert model["classes"] == CLASSES
    assert model["keras"]["accuracy"] == pytest.approx(6 / 7)
    assert model["keras"]["bytes"] == exported["model"].stat().st_size
    first, second, mapped, dense = 8 * 27, 8 * 72 + 8, 6 * 8 + 6, 5 * 6 + 5
    normalised = 2 * (8 + 6)
    assert model["parameters"] == first + second + mapped + dense + normalised
    products = 36 * 8 * 27 + 36 * 8 * 72 + 9 * 6 * 8 + 5 * 6
    assert model["multiply_adds"] == products
    names = json.loads((exported["out"] / "labels.json").read_text())
    assert names == NAMES


def test_only_the_input_is_transposed_and_normalisation_is_folded(
    exported: dict[str, Any],
) -> None:
    artifacts = exported["report"]["models"][0]["artifacts"]
    of = {artifact["format"]: artifact for artifact in artifacts}
    tflite, onnx = of["tflite"], of["onnx"]
    for artifact in (tflite, onnx):
        assert artifact["operations"]["custom"] == []
        assert artifact["operations"]["unfolded_batch_norms"] == 0
    assert onnx["operations"]["transposes"] == 1
    assert tflite["operations"]["transposes"] == 0


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
    path = exported["out"] / "student.tflite"
    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    details = runner.get_input_details()["image"]
    assert list(details["shape"]) == [1, *SHAPE]
    logits = runner(image=pixels(1).astype("float32"))["logits"]
    np.testing.assert_allclose(logits, exported["logits"][:1], atol=1e-4)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt").decode().split() == NAMES


def test_saved_model_keeps_the_class_names(exported: dict[str, Any]) -> None:
    path = exported["out"] / "saved_model" / "assets.extra" / "labels.txt"
    assert path.read_text().split() == NAMES


def test_nothing_is_left_beside_the_folder(exported: dict[str, Any]) -> None:
    beside = [path.name for path in exported["out"].parent.iterdir()]
    assert not [name for name in beside if name.startswith(".part")]


def test_existing_export_is_kept_without_overwrite(
    exported: dict[str, Any],
) -> None:
    done = call_export(exported["model"], "--out", exported["out"])
    assert done.returncode == 2
    assert "Add --overwrite" in done.stderr
    assert "Traceback" not in done.stderr
    assert (exported["out"] / "student.onnx").exists()


def test_folder_that_is_no_export_is_never_replaced(
    exported: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export.exporting import export

    out = tmp_path / "doc"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="which holds other files"):
        export(ExportJob(exported["model"], out, overwrite=True))
    # Not even an export is replaced under the feet of who stands in it.
    (out / "export_report.json").write_text("{}")
    (out / "inner").mkdir()
    for place in (out, out / "inner"):
        monkeypatch.chdir(place)
        for name in (Path("."), Path("..")):
            with pytest.raises(InputError, match="holds other files"):
                export(ExportJob(exported["model"], name, overwrite=True))
    assert (out / "thesis.txt").read_text() == "mine"


def test_own_export_is_replaced_and_nothing_of_the_users(
    tmp_path: Path,
) -> None:
    from export.exporting import export

    student().save(tmp_path / "s.keras")
    out = tmp_path / "out"
    job = ExportJob(tmp_path / "s.keras", out, [Variant("onnx")])
    report = export(job)
    assert sorted(report.files) == files_in(out)
    (out / "cat").mkdir()
    (out / "cat" / "1.png").write_text("mine")
    before = {x: x.read_bytes() for x in tmp_path.rglob("*") if x.is_file()}
    job = replace(job, variants=[Variant("tflite")], overwrite=True)
    with pytest.raises(InputError, match="also holds cat/1.png"):
        export(job)
    assert before == {
        x: x.read_bytes() for x in tmp_path.rglob("*") if x.is_file()
    }
    (out / "cat" / "1.png").unlink()
    (out / "cat").rmdir()
    export(job)
    names = {path.name for path in out.iterdir()}
    assert names == {"s.tflite", "export_report.json", "export_report.md"}


def test_random_and_mixed_precision_layers_leave_no_trace(
    tmp_path: Path,
) -> None:
    from export.exporting import export

    images = keras.Input(SHAPE)
    x = layers.RandomFlip("horizontal")(images)
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(4, 3, dtype="mixed_float16")(x)
    x = layers.GroupNormalization(2)(x)
    x = layers.Flatten()(layers.Conv2D(8, 3, groups=2)(x))
    x = layers.Dense(3, activation="softmax", dtype="float32")(x)
    keras.Model(images, x).save(tmp_path / "m.keras")
    np.savez(tmp_path / "data.npz", x_test=pixels())
    report = export(
        ExportJob(
            tmp_path / "m.keras", tmp_path / "out", data=tmp_path / "data.npz"
        )
    )
    artifacts = report.models[0].artifacts
    assert {a.reason for a in artifacts} == {None}


def test_one_broken_file_does_not_stop_the_others(tmp_path: Path) -> None:
    from export.exporting import export

    images = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Resizing(5, 5, interpolation="bicubic", name="shrink")(x)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
    keras.Model(images, layers.Dense(3)(x)).save(tmp_path / "m.keras")
    wanted = variants(["tflite", "onnx"], [], ["float32"])
    report = export(ExportJob(tmp_path / "m.keras", tmp_path / "out", wanted))
    artifacts = report.models[0].artifacts
    assert [a.accepted for a in artifacts] == [False, True]
    reason = artifacts[0].reason
    assert reason is not None
    assert "layer shrink (Resizing)" in reason
    assert 'interpolation="bilinear"' in reason
    assert not report.accepted
    page = (tmp_path / "out" / "export_report.md").read_text()
    assert reason in page
