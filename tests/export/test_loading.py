"""Saved classifiers of any kind come as float32 models of logits."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tests.export.models import (
    CLASSES,
    SHAPE,
    logits_of,
    pixels,
    randomize,
    run_export,
)


@pytest.mark.parametrize(
    "ending", ["argument", "layer", "activation", "nested"]
)
def test_softmax_is_taken_off(ending: str, tmp_path: Path) -> None:
    from export.loading import load_classifier

    images = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(images))
    dense = layers.Dense(4)
    expected = keras.Model(images, dense(x))
    if ending == "argument":
        other = layers.Dense(4, activation="softmax")
        model = keras.Model(images, other(x))
        other.set_weights(dense.get_weights())
    elif ending == "layer":
        model = keras.Model(images, layers.Softmax()(expected.output))
    else:
        end = layers.Activation("softmax")(expected.output)
        model = keras.Model(images, end)
        if ending == "nested":
            outer = keras.Input(SHAPE)
            model = keras.Model(outer, model(outer))
    model.save(tmp_path / "m.keras")
    loaded = load_classifier(tmp_path / "m.keras").logits
    np.testing.assert_allclose(
        logits_of(loaded, pixels()), logits_of(expected, pixels()), atol=1e-6
    )


def test_classifier_of_keras_hub_is_exported(tmp_path: Path) -> None:
    hub = pytest.importorskip("keras_hub")
    backbone = hub.models.ViTBackbone(
        (12, 12, 3),
        patch_size=4,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        mlp_dim=8,
    )
    model = hub.models.ViTImageClassifier(backbone, num_classes=CLASSES)
    model.save(tmp_path / "vit.keras")
    done = run_export(
        *(tmp_path / "vit.keras", "--out", tmp_path / "out"),
        *("--formats", "onnx"),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_models_of_any_precision_keep_their_weights(tmp_path: Path) -> None:
    from export.loading import load_classifier

    for policy in ("bfloat16", "mixed_bfloat16", "float16"):
        images = keras.Input(SHAPE)
        x = layers.Conv2D(4, 3, dtype=policy)(images)
        x = layers.GlobalAveragePooling2D(dtype=policy)(x)
        model = keras.Model(images, layers.Dense(3, dtype=policy)(x))
        randomize(model).save(tmp_path / "m.keras")
        loaded = load_classifier(tmp_path / "m.keras").logits
        assert {weight.dtype for weight in loaded.weights} == {"float32"}
        for mine, theirs in zip(
            loaded.get_weights(), model.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs.astype("float32"))
