"""What a file gives is what the model gives, whatever that ends in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from export import ExportJob, Variant
from export.formats.base import Source
from export.formats.onnx import ONNX
from export.formats.tflite import TFLite
from export.verification import Limits, Sample, verify
from tests.export.models import CLASSES, SHAPE, pixels, randomize
from tests.models import ends

KINDS = {"onnx": ONNX(), "tflite": TFLite()}


def answered(model: keras.Model, folder: Path, *variants: Variant) -> Any:
    """What a saved model gives, and its files' logits."""
    from export.loading import load_classifier

    model.save(folder / "m.keras")
    found = load_classifier(folder / "m.keras")
    images = pixels(8)[:, : model.input_shape[1], : model.input_shape[2]]
    source = Source(found.logits, folder, calibration=images)
    floats = images.astype("float32")
    logits = []
    for variant in variants:
        kind = KINDS[variant.format]
        path = folder / kind.file_name(variant, "m")
        kind.write(source, variant, path)
        logits.append(kind.open(path, 1)(floats)["logits"].astype("float64"))
    named = isinstance(model.input, dict)
    fed = {next(iter(model.input)): floats} if named else floats
    given = model.predict(fed, verbose=0)
    given = next(iter(given.values())) if isinstance(given, dict) else given
    return given.reshape(len(images), -1), logits


@pytest.mark.parametrize(
    "end",
    [
        ends.End(ends.softmax_twice),
        ends.End(ends.renormalised),
        ends.End(ends.shared_with_an_attention),
        ends.End(ends.average_of_probabilities),
        ends.End(ends.softmax_of_each_pixel),
        ends.End(ends.axes_of_one),
        ends.End(ends.sigmoid_unit),
        ends.End(ends.average_of_sigmoid_units),
        ends.End(ends.normalised_logits, "linear"),
        ends.End(ends.nested_under_a_temperature),
    ],
    ids=lambda end: end.name,
)
def test_files_give_what_the_model_gives(end: ends.End, tmp_path: Path) -> None:
    given, files = answered(
        ends.of_end(end),
        tmp_path,
        *(Variant("onnx"), Variant("onnx", "float16")),
        *(Variant("tflite"), Variant("tflite", "int8")),
    )
    if given.shape[-1] == 1:
        given = np.concatenate([1 - given, given], -1)
    for logits, allowed in zip(files, (1e-5, 1e-2, 1e-5, 0.2), strict=True):
        if end.gives == "softmax":
            powers = np.exp(logits - logits.max(-1, keepdims=True))
            logits = powers / powers.sum(-1, keepdims=True)
        np.testing.assert_allclose(logits, given, rtol=0, atol=allowed)


def test_dictionaries_of_one_are_what_they_hold(tmp_path: Path) -> None:
    image = keras.Input(SHAPE, name="picture")
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image))
    scores = layers.Dense(CLASSES)(x)
    model = keras.Model({"picture": image}, {"scores": scores})
    given, (logits,) = answered(model, tmp_path, Variant("onnx"))
    np.testing.assert_allclose(logits, given, atol=1e-5)


RECURRENT: dict[str, Callable[[], Any]] = {
    "gru": lambda: layers.GRU(3),
    "simple_rnn": lambda: layers.SimpleRNN(3),
    "bidirectional_lstm": lambda: layers.Bidirectional(layers.LSTM(3)),
}


@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_layers_are_exported(kind: str, tmp_path: Path) -> None:
    image = keras.Input(SHAPE)
    x = layers.Reshape((SHAPE[0], -1))(layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, layers.Dense(CLASSES)(RECURRENT[kind]()(x)))
    given, files = answered(model, tmp_path, Variant("onnx"), Variant("tflite"))
    for logits in files:
        np.testing.assert_allclose(logits, given, atol=1e-5)
    if kind == "gru":
        with pytest.raises(ValueError, match="unroll=True"):
            answered(model, tmp_path, Variant("onnx", "float16"))


def test_unfolded_normalisation_is_a_note_and_no_rejection(
    tmp_path: Path,
) -> None:
    from export.exporting import export

    image = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Dense(6)(x))
    model = keras.Model(image, layers.Dense(CLASSES)(layers.ReLU()(x)))
    randomize(model).save(tmp_path / "m.keras")
    job = ExportJob(
        tmp_path / "m.keras",
        tmp_path / "out",
        variants=[Variant("onnx"), Variant("tflite")],
    )
    report = export(job)
    assert report.accepted
    notes = [file.note for file in report.models[0].artifacts]
    assert any(note and "were not folded" in note for note in notes)
    text = (tmp_path / "out" / "export_report.md").read_text()
    assert "the numbers are right" in text


def test_softmax_of_a_file_is_held_against_what_the_model_gives() -> None:
    images = np.zeros((4, 2, 2, 1), "float32")
    logits = np.array([[2.0, 0.0, -1.0]] * 4)
    powers = np.exp(logits)
    given = powers / powers.sum(-1, keepdims=True)
    right = Sample("real", images, logits, None, given)
    predict = lambda x: {"logits": logits[: len(x)]}  # noqa: E731
    found = verify(predict, [right], Limits())
    assert found.accepted
    assert found.checks[0].probability_difference == pytest.approx(0, abs=1e-9)
    # The file computes a model whose end was read wrongly.
    wrong = Sample("real", images, logits, None, given[:, [0, 2, 1]])
    reason = verify(predict, [wrong], Limits()).reason
    assert reason is not None
    assert "differs from the model's probabilities by" in reason
    other = Sample("real", images, logits, None, given[:, ::-1])
    assert verify(predict, [other], Limits()).top1_agreement == 0


def test_both_of_two_largest_probabilities_are_the_answer() -> None:
    images = np.zeros((4, 2, 2, 1), "float32")
    logits = np.array([[30.0, 20.0, 0.0]] * 4)
    clipped = np.array([[0.5, 0.5, 0.0]] * 4)
    sample = Sample("real", images, logits, None, clipped)
    predict = lambda x: {"logits": logits[: len(x)]}  # noqa: E731
    assert verify(predict, [sample], Limits(None)).top1_agreement == 1
