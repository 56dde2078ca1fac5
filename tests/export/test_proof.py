"""Faults that exporters are known to make silently are caught."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.records.exports import Verdict
from export import FORMATS, Variant
from export.formats.base import Source
from export.proving import prove
from export.verification import Limits, Sample
from tests.export.models import (
    CLASSES,
    SHAPE,
    logits_of,
    pixels,
    randomize,
    student,
)
from tests.export.test_verification import sample


def verdict_on(path: Path, model: keras.Model, kind: str) -> Verdict:
    images = pixels(9)
    sample = Sample("real", images, logits_of(model, images))
    return prove(Variant(kind), path, [sample.save(path.parent)], Limits())


def written(model: keras.Model, folder: Path, kind: str) -> Path:
    path = folder / f"good.{kind}"
    FORMATS[kind].write(Source(model, folder), Variant(kind), path)
    return path


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_good_file_is_accepted_and_a_truncated_one_is_not(
    kind: str, tmp_path: Path
) -> None:
    model = student()
    path = written(model, tmp_path, kind)
    assert verdict_on(path, model, kind).accepted
    path.write_bytes(path.read_bytes()[:-2000])
    verdict = verdict_on(path, model, kind)
    assert not verdict.accepted and verdict.reason


def test_clients_need_neither_tensorflow_nor_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = student()
    paths = {
        kind: written(model, tmp_path, kind) for kind in ("onnx", "tflite")
    }
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('hidden')")
    # The process that proves a file finds these first.
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for kind, path in paths.items():
        assert verdict_on(path, model, kind).accepted
    (tmp_path / "saved_model").mkdir()
    verdict = verdict_on(tmp_path / "saved_model", model, "saved_model")
    assert verdict.reason == "ImportError: hidden"


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_wrong_weights_and_swapped_classes_are_caught(
    kind: str, tmp_path: Path
) -> None:
    model = student()
    wrong, swapped = student(), student()
    randomize(wrong, scale=0.6)
    *others, kernel, bias = swapped.get_weights()
    swapped.set_weights([*others, kernel[:, ::-1], bias[::-1]])
    for other in (wrong, swapped):
        folder = tmp_path / other.name
        folder.mkdir()
        verdict = verdict_on(written(other, folder, kind), model, kind)
        assert "logits differ by" in verdict.reason


def test_tflite_file_without_weights_is_caught(tmp_path: Path) -> None:
    import tensorflow as tf

    model = student()
    function = tf.function(lambda image: {"logits": model(image)})
    concrete = function.get_concrete_function(
        tf.TensorSpec((1, *SHAPE), tf.float32, name="image")
    )
    # The way that "succeeds" with a file of uninitialised weights.
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [concrete], model
    )
    path = tmp_path / "empty.tflite"
    path.write_bytes(converter.convert())
    verdict = verdict_on(path, model, "tflite")
    assert not verdict.accepted


def test_onnx_file_with_nan_or_another_input_is_caught(tmp_path: Path) -> None:
    import onnx

    model = student()
    path = written(model, tmp_path, "onnx")
    whole = path.read_bytes()
    proto = onnx.load_from_string(whole)
    (weights,) = (
        x for x in proto.graph.initializer if list(x.dims) == [6, CLASSES]
    )
    broken = np.full((6, CLASSES), np.nan, "float32")
    weights.CopyFrom(onnx.numpy_helper.from_array(broken, weights.name))
    onnx.save(proto, path)
    assert verdict_on(path, model, "onnx").reason == "logits are not finite"
    proto = onnx.load_from_string(whole)
    # What Keras's own export makes of a Normalization's constants.
    proto.graph.input.append(
        onnx.helper.make_tensor_value_info("mean", onnx.TensorProto.FLOAT, [1])
    )
    onnx.save(proto, path)
    assert "not 'image' alone" in verdict_on(path, model, "onnx").reason


def test_active_random_layer_is_caught(tmp_path: Path) -> None:
    import tensorflow as tf

    images = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 255)(layers.RandomContrast(0.9)(images))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(images, layers.Dense(3)(x))
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "predict",
        lambda image: {"logits": model(image, training=True)},
        input_signature=[
            tf.TensorSpec((None, *SHAPE), tf.float32, name="image")
        ],
    )
    archive.write_out(tmp_path / "saved", verbose=False)
    sample = Sample("real", pixels(9), model.predict(pixels(9), verbose=0))
    # Whatever the difference may be.
    verdict = prove(
        Variant("saved_model"),
        tmp_path / "saved",
        [sample.save(tmp_path)],
        Limits(None, 0.0),
    )
    assert verdict.reason == "two runs on the same images differ"


def test_operations_of_tensorflow_alone_are_caught(tmp_path: Path) -> None:
    import tensorflow as tf

    function = tf.function(
        lambda image: {
            "logits": tf.raw_ops.ResizeBicubic(images=image, size=[2, 2])
        }
    )
    signature = tf.TensorSpec((1, *SHAPE), tf.float32, name="image")
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function(signature)], tf.Module()
    )
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    path = tmp_path / "flex.tflite"
    path.write_bytes(converter.convert())
    assert FORMATS["tflite"].operations(path).custom == ("FlexResizeBicubic",)
    verdict = verdict_on(path, student(), "tflite")
    assert not verdict.accepted


def test_runtime_process_that_dies_is_a_verdict(tmp_path: Path) -> None:
    verdict = prove(
        Variant("none"), tmp_path, [sample().save(tmp_path)], Limits()
    )
    assert not verdict.accepted
    assert "ended with 1: KeyError" in verdict.reason
