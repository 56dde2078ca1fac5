"""Faults that exporters are known to make silently are caught."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.records.exports import Verdict
from atsc_keras.records.reading import record_text
from export import FORMATS, Variant
from export.formats.base import Source
from export.proving import prove
from export.verification import Limits, Sample, verify
from tests.export.models import (
    CLASSES,
    SHAPE,
    logits_of,
    pixels,
    randomize,
    student,
    tensorflow_only,
)

# === Functions on arrays ===


def sample(count: int = 6) -> Sample:
    images = np.zeros((count, 2, 2, 1), "float32")
    return Sample("random", images, np.eye(3, dtype="float32")[[0] * count])


def repeated(logits: np.ndarray) -> Any:
    return lambda images: {"logits": np.stack([logits] * len(images))}


def test_identical_logits_are_accepted() -> None:
    verdict = verify(repeated(sample().logits[0]), [sample()], Limits())
    assert verdict.accepted
    assert verdict.max_difference == 0


@pytest.mark.parametrize(
    ("largest", "difference", "accepted"),
    [
        (1.0, 1.05e-4, True),
        (1.0, 1.2e-4, False),
        (28_400.0, 0.28, True),  # half a unit in the last place is 1e-3
        (28_400.0, 0.29, False),
    ],
)
def test_large_logits_may_differ_in_proportion(
    largest: float, difference: float, accepted: bool
) -> None:
    logits = np.array([largest, 0, 0], "float64")
    images = np.zeros((4, 2, 2, 1), "float32")
    real = Sample("real", images, np.stack([logits] * 4))
    predict = repeated(logits - np.array([difference, 0, 0]))
    assert verify(predict, [real], Limits()).accepted is accepted
    # What noise reaches is no measure for pictures.
    noise = Sample("random", images + 1, real.logits * 1e6)

    def of_both(x: np.ndarray) -> dict[str, np.ndarray]:
        sample = noise if x.any() else real
        return {"logits": sample.logits[: len(x)] - [difference, 0, 0]}

    assert verify(of_both, [noise, real], Limits()).accepted is accepted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda logits: logits + 0.01, "logits differ by 0.01"),
        (lambda logits: logits * np.nan, "logits are not finite"),
        (lambda logits: logits[::-1], "logits differ by 1"),
    ],
)
def test_wrong_logits_are_caught(change: Any, reason: str) -> None:
    predict = repeated(change(sample().logits[0]))
    verdict = verify(predict, [sample()], Limits())
    assert not verdict.accepted
    assert reason in verdict.reason


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_difference_that_is_no_number_is_unknown(broken: float) -> None:
    logits = sample().logits[0]
    last = Sample("real", sample().images + 1, sample().logits)

    def predict(images: np.ndarray) -> Any:
        return repeated(logits + broken if images.any() else logits)(images)

    verdict = verify(predict, [sample(), last], Limits(None, 0.0))
    assert verdict.reason == "logits are not finite"
    assert verdict.max_difference is None
    assert verdict.mean_difference is None
    found = json.loads(record_text(verdict))
    assert found["max_difference"] is None
    # What release 0.1 wrote, which JSON does not have.
    found["max_difference"] = float("inf")
    assert Verdict.model_validate_json(json.dumps(found)) == verdict


def test_tiny_flip_of_top1_and_randomness_are_caught() -> None:
    images = np.zeros((3, 2, 2, 1), "float32")
    near = np.array([[0.5, 0.5 + 1e-6]] * 3, "float32")
    samples = [Sample("r", images, near)]
    flipped = verify(repeated(near[0, ::-1]), samples, Limits())
    assert "top-1 agrees on 0.0% only, of 100% wanted" in flipped.reason
    random = np.random.default_rng(0)

    def noisy(images: np.ndarray) -> dict[str, np.ndarray]:
        noise = random.uniform(0, 1e-7, (len(images), 1))
        return {"logits": near[: len(images)] + noise}

    reason = verify(noisy, samples, Limits()).reason
    assert reason == "two runs on the same images differ"


def test_limits_are_those_of_the_precision() -> None:
    off = repeated(sample().logits[0] + 0.01)
    assert verify(off, [sample()], Limits.of("float32", 0.1)).accepted
    strict = verify(off, [sample()], Limits.of("float32", 1e-4))
    assert "more than 0.0001, where Keras gives up to 1" in strict.reason
    assert verify(off, [sample()], Limits.of("float16", 1e-4)).accepted
    far = repeated(sample().logits[0] + 0.06)
    assert not verify(far, [sample()], Limits.of("float16", 1e-4)).accepted
    # Whole numbers may move the logits; the answer counts.
    assert verify(far, [sample()], Limits.of("int8", 1e-4)).accepted
    images = np.zeros((100, 1, 1, 1), "float32")
    expected = np.eye(2, dtype="float32")[[0] * 100]
    for wrong, accepted in ((4, True), (5, False)):
        given = np.eye(2, dtype="float32")[[1] * wrong + [0] * (100 - wrong)]
        images[:, 0, 0, 0] = np.arange(100)
        verdict = verify(
            lambda x, given=given: {"logits": given[x[:, 0, 0, 0].astype(int)]},
            [Sample("real", images, expected)],
            # 96 images fill batches of 8: 4 of them are less than 5 %.
            Limits(None, 0.955),
        )
        assert verdict.accepted == accepted


def test_outputs_that_contradict_each_other_are_caught() -> None:
    logits = sample().logits[0]
    for wrong in (
        {"probabilities": logits},
        {"label": np.int32(1)},
    ):

        def predict(images: np.ndarray, wrong: Any = wrong) -> Any:
            outputs = {"logits": logits, **wrong}
            return {k: np.stack([v] * len(images)) for k, v in outputs.items()}

        reason = verify(predict, [sample()], Limits()).reason
        assert reason == "probabilities or label are not those of the logits"


# === Files ===


def verdict_on(path: Path, model: keras.Model, kind: str) -> Verdict:
    images = pixels(9)
    sample = Sample("real", images, logits_of(model, images))
    return prove(Variant(kind), path, [sample.save(path.parent)], Limits())


def written(model: keras.Model, folder: Path, kind: str) -> Path:
    path = folder / f"good.{kind}"
    FORMATS[kind].write(Source(model, folder), Variant(kind), path)
    return path


@tensorflow_only
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


@tensorflow_only
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


@tensorflow_only
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


@tensorflow_only
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


@tensorflow_only
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


@tensorflow_only
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


@tensorflow_only
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
