"""Which kinds of layers each format has: works, or says why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from atsc_keras.records.exports import Verdict
from export import FORMATS, Variant
from export.formats.base import Source
from export.verification import Limits, Sample, verify
from tests.export.models import SHAPE, pixels


def attention(x: Any) -> Any:
    x = layers.Reshape((36, 4))(layers.Conv2D(4, 2, strides=2)(x))
    return layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(x, x))


def augmented(x: Any) -> Any:
    x = layers.RandomFlip()(layers.GaussianNoise(0.5)(x))
    return layers.Conv2D(4, 3)(layers.Dropout(0.5)(x))


def normalized(x: Any) -> Any:
    layer = layers.Normalization(mean=[0.4, 0.5, 0.3], variance=[0.1, 0.2, 0.3])
    return layers.Conv2D(4, 3, activation="relu")(layer(x))


def biased_then_normalized(x: Any) -> Any:
    x = layers.Conv2D(4, 3)(x)
    return layers.BatchNormalization(beta_initializer="ones")(x)


WORKING: dict[str, Callable[[Any], Any]] = {
    "Normalization": normalized,
    "Conv2D, BatchNormalization": biased_then_normalized,
    "Conv2D(groups)": layers.Conv2D(6, 3, groups=3),
    "Conv2D(dilation_rate)": layers.Conv2D(4, 3, dilation_rate=2),
    "DepthwiseConv2D": layers.DepthwiseConv2D(3, depth_multiplier=2),
    "SeparableConv2D": layers.SeparableConv2D(4, 3),
    "Conv2DTranspose": layers.Conv2DTranspose(4, 3, strides=2),
    "exact GELU": layers.Conv2D(4, 3, activation="gelu"),
    "hard_swish": layers.Conv2D(4, 3, activation="hard_swish"),
    "silu, mish": lambda x: layers.Activation("mish")(
        layers.Conv2D(4, 3, activation="silu")(x)
    ),
    "PReLU": lambda x: layers.PReLU(
        shared_axes=[1, 2], alpha_initializer="ones"
    )(layers.Conv2D(4, 3)(x)),
    "GroupNormalization": lambda x: layers.GroupNormalization(2)(
        layers.Conv2D(4, 3)(x)
    ),
    "MultiHeadAttention, LayerNormalization": attention,
    "AdaptiveAveragePooling2D(3)": layers.AdaptiveAveragePooling2D(3),
    "MaxPooling2D": layers.MaxPooling2D(3, strides=2, padding="same"),
    "UpSampling2D": layers.UpSampling2D(2, interpolation="bilinear"),
    "Resizing(bilinear)": layers.Resizing(7, 5),
    "CenterCrop": layers.CenterCrop(8, 8),
    "Flatten": layers.Flatten(),
    "Permute": layers.Permute((2, 1, 3)),
    "RandomFlip, GaussianNoise, Dropout": augmented,
    "UnitNormalization": layers.UnitNormalization(),
}


def classifier(body: Callable[[Any], Any]) -> keras.Model:
    keras.utils.set_random_seed(0)
    images = keras.Input(SHAPE)
    x = body(layers.Rescaling(1 / 255)(images))
    if len(x.shape) == 4:
        x = layers.GlobalAveragePooling2D()(x)
    elif len(x.shape) == 3:
        x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(images, layers.Dense(3)(x))


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3),
            keras.Sequential([layers.ReLU(), layers.Flatten()]),
            layers.Dense(3),
        ]
    )


def verdict_on(
    model: keras.Model, kind: str, folder: Path, tolerance: float = 1e-5
) -> Verdict:
    """Convert, open and compare in this process: the proof, only faster."""
    path, form = folder / "m", FORMATS[kind]
    form.write(Source(model, folder), Variant(kind), path)
    images = pixels(9).astype("float32")
    sample = Sample("real", images, model.predict(images, verbose=0))
    return verify(form.open(path, 1), [sample], Limits(tolerance))


@pytest.mark.parametrize("name", WORKING)
def test_layer_is_exported_exactly(name: str, tmp_path: Path) -> None:
    from export.one_model import refusal

    model = classifier(WORKING[name])
    for kind in ("tflite", "onnx"):
        assert refusal(model, kind) is None
        (tmp_path / kind).mkdir()
        verdict = verdict_on(model, kind, tmp_path / kind)
        assert verdict.accepted, (kind, verdict.reason)
        operations = FORMATS[kind].operations(tmp_path / kind / "m")
        assert operations.custom == ()
        assert operations.unfolded_batch_norms == 0


def test_sequential_models_are_exported(tmp_path: Path) -> None:
    for kind in ("tflite", "onnx"):
        (tmp_path / kind).mkdir()
        assert verdict_on(sequential(), kind, tmp_path / kind).accepted


def test_student_of_two_teachers_is_exported(tmp_path: Path) -> None:
    images = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(images))
    heads = [
        layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(n, 1)(x)))
        for n in (5, 6)
    ]
    model = keras.Model(images, layers.Average(name="logits")(heads))
    model.save(tmp_path / "m.keras")
    from export.loading import load_classifier

    loaded = load_classifier(tmp_path / "m.keras").logits
    for kind in ("tflite", "onnx"):
        (tmp_path / kind).mkdir()
        assert verdict_on(loaded, kind, tmp_path / kind).accepted


@pytest.mark.parametrize(
    ("layer", "broken", "way_out"),
    [
        (
            layers.AdaptiveAveragePooling2D(1),
            {"saved_model", "tflite", "onnx"},
            "GlobalAveragePooling2D",
        ),
        (
            layers.Resizing(5, 5, antialias=True),
            {"tflite", "onnx"},
            "antialias=False",
        ),
        (
            layers.Resizing(15, 15, interpolation="bicubic"),
            {"tflite"},
            'interpolation="bilinear"',
        ),
    ],
)
def test_layer_that_breaks_is_named_with_the_way_out(
    layer: Any, broken: set[str], way_out: str, tmp_path: Path
) -> None:
    from export.one_model import refusal

    inner = keras.Input((8, 8, 3))
    nested = keras.Model(inner, layer(inner))
    model = classifier(lambda x: nested(layers.CenterCrop(8, 8)(x)))
    for kind in ("saved_model", "tflite", "onnx"):
        reason = refusal(model, kind)
        assert (reason is not None) == (kind in broken)
        (tmp_path / kind).mkdir()
        if reason is None:
            # onnxruntime computes bicubic weights less exactly.
            assert verdict_on(model, kind, tmp_path / kind, 1e-4).accepted
            continue
        assert f"layer {layer.name} ({type(layer).__name__})" in reason
        assert way_out in reason
        # It does break: without the message there would be no right file.
        try:
            verdict = verdict_on(model, kind, tmp_path / kind, 1e-4)
        except Exception as error:
            assert str(error)
        else:
            assert not verdict.accepted
