"""Files of less precision and of other pixels say what they should."""

import json
from pathlib import Path

import numpy as np
import pytest

from export import FORMATS, Variant
from export.formats.base import Source
from tests.export.models import (
    call_export,
    clear_images,
    logits_of,
    pixels,
    student,
)


def test_every_precision_and_output_beside_the_teacher(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    model = student()
    model.save(run / "student.keras")
    model.save(run / "teacher.keras")
    images = clear_images(model, 40)
    np.savez(
        run / "samples.npz",
        x_train=pixels(30, seed=2),
        x_test=images,
        y_test=logits_of(model, images).argmax(-1),
    )
    done = call_export(
        *("--from-run", run, "--formats", "tflite,onnx"),
        *("--precision", "float16,dynamic,int8", "--pixels", "uint8"),
        *("--outputs", "probabilities,label", "--calibration-images", 20),
    )
    report = json.loads((run / "export" / "export_report.json").read_text())
    assert done.returncode == 0, done.stdout
    assert report["calibration_images"] == 20
    first, second = report["models"]
    assert [first["name"], second["name"]] == ["student", "teacher"]
    paths = [artifact["path"] for artifact in first["artifacts"]]
    assert len(set(paths)) == 4 + 3
    for artifact in first["artifacts"]:
        path = run / "export" / artifact["path"]
        assert path.exists()
        assert (
            run / "export" / "teacher" / path.name.replace("student", "teacher")
        ).exists()
        assert all(check["consistent"] for check in artifact["checks"])
        # Random noise says nothing of a file calibrated by images.
        noise = any(c["images"] == "random" for c in artifact["checks"])
        assert noise == (artifact["precision"] in ("float32", "float16"))
    differences = {
        artifact["precision"]: artifact["max_difference"]
        for artifact in first["artifacts"]
    }
    assert differences["float32"] < 1e-4
    # Less precision is there, and costs what it should. TensorFlow leaves
    # weights of fewer than 1,024 numbers alone in "dynamic".
    for precision in ("float16", "int8"):
        assert differences[precision] > 1e-4


def test_uint8_and_float_files_say_the_same(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    source = Source(
        student(), tmp_path, outputs=("logits", "probabilities", "label")
    )
    kind = FORMATS["tflite"]
    found = []
    for dtype in ("float32", "uint8"):
        variant = Variant("tflite", pixels=dtype)
        path = tmp_path / kind.file_name(variant, "s")
        kind.write(source, variant, path)
        runner = Interpreter(str(path)).get_signature_runner()
        assert runner.get_input_details()["image"]["dtype"] == np.dtype(dtype)
        found.append(runner(image=pixels(1).astype(dtype)))
    assert sorted(found[0]) == ["label", "logits", "probabilities"]
    for name in found[0]:
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_int8_is_calibrated_by_training_images_alone(tmp_path: Path) -> None:
    import onnx

    scales = []
    for brightest in (255, 50):
        folder = tmp_path / str(brightest)
        folder.mkdir()
        images = (pixels(20) // 255 * brightest).astype("uint8")
        images[0, 0, 0] = brightest
        source = Source(student(), folder, calibration=images)
        variant = Variant("onnx", "int8")
        FORMATS["onnx"].write(source, variant, folder / "s.onnx")
        graph = onnx.load(folder / "s.onnx").graph
        first = next(n for n in graph.node if n.op_type == "QuantizeLinear")
        (scale,) = (
            onnx.numpy_helper.to_array(x)
            for x in graph.initializer
            if x.name == first.input[1]
        )
        scales.append(float(scale))
    assert scales[0] == pytest.approx(scales[1] * 255 / 50, rel=1e-3)
