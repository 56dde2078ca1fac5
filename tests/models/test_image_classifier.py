"""An ImageClassifier is its three parts, and says when they do not fit."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier


def encoder() -> keras.Model:
    images = keras.Input((6, 6, 3))
    return keras.Model(images, layers.Conv2D(4, 3)(images))


def images() -> np.ndarray:
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 6, 6, 3))
    return pixels.astype("float32")


def predict(model: keras.Model) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images(), training=False))


def test_logits_are_dense_of_mean_features() -> None:
    model = ImageClassifier(encoder(), layers.Dense(3))
    features = keras.ops.convert_to_numpy(model.encoder(images()))
    kernel = keras.ops.convert_to_numpy(model.classifier.kernel)
    expected = features.mean(axis=(1, 2)) @ kernel
    np.testing.assert_allclose(predict(model), expected, rtol=1e-4, atol=1e-4)
    assert model.image_shape == (6, 6, 3)
    assert model.feature_shape == (4, 4, 4)


def test_saved_classifier_loads_equal(tmp_path: Path) -> None:
    model = ImageClassifier(encoder(), layers.Dense(3), layers.Flatten())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(loaded), predict(model))


def test_functional_form_is_stock_layers_with_the_same_weights() -> None:
    model = ImageClassifier(encoder(), layers.Dense(3))
    functional = model.to_functional("plain")
    assert functional.name == "plain"
    assert [x.name for x in functional.inputs] == ["image"]
    np.testing.assert_array_equal(predict(functional), predict(model))
    assert {id(w) for w in functional.weights} == {id(w) for w in model.weights}
    config = str(keras.saving.serialize_keras_object(functional))
    assert "atsc_keras" not in config


def test_classifier_with_activation_is_refused() -> None:
    with pytest.raises(InputError, match="activation=softmax"):
        ImageClassifier(encoder(), layers.Dense(3, activation="softmax"))


def test_classifier_that_is_no_dense_is_refused() -> None:
    with pytest.raises(InputError, match="Received: Conv2D"):
        ImageClassifier(encoder(), layers.Conv2D(3, 1))


def test_classifier_of_other_features_is_refused() -> None:
    classifier = layers.Dense(3)
    classifier.build((None, 9))
    with pytest.raises(InputError, match="built for 9 values, features of 4"):
        ImageClassifier(encoder(), classifier)


def test_encoder_without_known_shapes_is_refused() -> None:
    with pytest.raises(InputError, match="one input and one output"):
        ImageClassifier(
            keras.Sequential([layers.Conv2D(4, 3)]), layers.Dense(3)
        )


def test_encoder_with_two_outputs_is_refused() -> None:
    x = keras.Input((6, 6, 3))
    two = keras.Model(x, [layers.Conv2D(4, 3)(x), layers.Conv2D(4, 1)(x)])
    with pytest.raises(InputError, match="one input and one output"):
        ImageClassifier(two, layers.Dense(3))


def test_vector_features_need_no_pooler() -> None:
    vectors = keras.Sequential([encoder(), layers.Flatten()])
    model = ImageClassifier(vectors, layers.Dense(3))
    assert model.feature_shape == (64,)
    assert predict(model).shape == (2, 3)


def test_pooler_drops_out_only_in_training() -> None:
    pooler = keras.Sequential(
        [layers.GlobalAveragePooling2D(), layers.Dropout(0.5)]
    )
    model = ImageClassifier(encoder(), layers.Dense(3), pooler)
    features = keras.ops.ones((1, *model.feature_shape))

    def spread(training: bool) -> float:
        logits = [model.classify(features, training) for _ in range(8)]
        stacked = np.stack([keras.ops.convert_to_numpy(x) for x in logits])
        return float(np.ptp(stacked, axis=0).max())

    assert spread(training=False) == 0
    assert spread(training=True) > 0


def test_pooler_that_keeps_the_map_is_refused() -> None:
    with pytest.raises(InputError, match="one vector an image"):
        ImageClassifier(encoder(), layers.Dense(3), layers.ReLU())


def test_head_is_kept_for_its_own_classes_and_new_for_others() -> None:
    model = ImageClassifier(encoder(), layers.Dense(3)).to_functional()
    own = ImageClassifier.for_classes(model, 3)
    np.testing.assert_allclose(predict(own), predict(model), rtol=1e-5)
    other = ImageClassifier.for_classes(model, 5)
    assert other.classes == 5
    kernels = other.encoder.get_weights()[0], own.encoder.get_weights()[0]
    np.testing.assert_array_equal(*kernels)
    bare = ImageClassifier.for_classes(encoder(), 7)
    assert bare.classes == 7


def test_logits_are_float32_whatever_the_encoder_is() -> None:
    images = keras.Input((8, 8, 3))
    half = layers.Conv2D(4, 3, dtype="mixed_float16")(images)
    head = layers.Dense(3, dtype="mixed_float16")
    model = ImageClassifier(keras.Model(images, half), head)
    pixels = np.ones((2, 8, 8, 3), "float32")
    for called in (model, model.to_functional()):
        logits = called(pixels)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
