"""`atsc predict` on files of other origin, and its words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from typer.testing import CliRunner

from export.formats.base import silence
from export.predict_cli import app
from tests.export import tiny_onnx
from tests.export.models import CLASSES, SHAPE, logits_of, pixels
from tests.export.predicting import (
    of_end,
    predict,
    probabilities,
    softmax,
    write_pictures,
)


@pytest.mark.parametrize(
    ("changes", "pixel_range"),
    [
        ({}, "0..255"),
        ({}, "0..1"),
        ({}, "mean=120,110,100 std=60,50,40 bgr"),
        ({"batch": 1}, None),
        ({"batch": 4}, None),
        ({"kind": TensorProto.UINT8}, None),
        ({"kind": TensorProto.INT8}, None),
        ({"kind": TensorProto.FLOAT16}, None),
        ({"kind": TensorProto.DOUBLE}, None),
        ({"names": ("pixels", "scores")}, None),
        ({"shape": (6, 4, 1)}, None),
        ({"external": True}, None),
    ],
    ids=str,
)
def test_onnx_files_of_others_get_plain_or_stated_pixels(
    changes: dict[str, Any], pixel_range: str | None, tmp_path: Path
) -> None:
    path = tiny_onnx.write_linear_onnx(tmp_path / "m.onnx", **changes)
    images = pixels(6)[:, :6, :4, : changes.get("shape", SHAPE)[2]]
    folder = write_pictures(tmp_path / "p", images)
    words = ["--pixel-range", pixel_range] if pixel_range else []
    answers, notes = predict(path, folder, "--top", 4, *words)
    wanted = images.astype("float64")
    if changes.get("kind") == TensorProto.INT8:
        wanted -= 128
    elif pixel_range == "0..1":
        wanted /= 255
    elif pixel_range not in (None, "0..255"):
        wanted = (wanted[..., ::-1] - [120, 110, 100]) / [60, 50, 40]
    expected = softmax(tiny_onnx.logits(wanted))
    np.testing.assert_allclose(probabilities(answers), expected, atol=1e-5)
    whole = changes.get("kind") in (TensorProto.UINT8, TensorProto.INT8)
    assert ("does not say" in notes) == (pixel_range is None and not whole)


@pytest.mark.parametrize("end", [None, "softmax"])
def test_tflite_files_of_others_in_whole_numbers(
    end: str | None, tmp_path: Path
) -> None:
    import tensorflow as tf

    model, images = of_end(end or "logits"), pixels(20)
    floats = images.astype("float32")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([x[None]] for x in floats)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    with silence():
        (tmp_path / "m.tflite").write_bytes(converter.convert())
    folder = write_pictures(tmp_path / "p", images[:4])
    answers, notes = predict(tmp_path / "m.tflite", folder, "--top", CLASSES)
    expected = logits_of(model, images[:4])
    if end is None:
        expected = softmax(expected)
    np.testing.assert_allclose(probabilities(answers), expected, atol=0.1)
    assert notes == ""


def test_lines_are_aligned_over_all_pictures(tmp_path: Path) -> None:
    labels = ["ant", "bumblebee", "cat", "dog"]
    path = tiny_onnx.write_linear_onnx(tmp_path / "m.onnx", labels=labels)
    images = pixels(2)[:, :6, :4]
    folder = write_pictures(tmp_path / "p", images)
    expected = 100 * softmax(tiny_onnx.logits(images))
    lines = []
    for place, shares in enumerate(expected):
        lines.append(str(folder / f"{place:03}.png"))
        for label in np.argsort(-shares)[:3]:
            lines.append(f"  {labels[label]:<9}  {shares[label]:6.2f} %")
    done = CliRunner().invoke(app, [str(path), str(folder)])
    assert done.stdout.splitlines() == lines
    assert done.stderr.startswith(f"Note: {path} does not say what it wants")
