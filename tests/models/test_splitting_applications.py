"""The models of keras.applications come apart as they are."""

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.splitting import split_model
from tests.models.conftest import images, predict

APPLICATIONS = [
    "MobileNet",
    "VGG16",
    "MobileNetV2",
    "MobileNetV3Small",
    "ResNet50V2",
    "EfficientNetV2B0",
    "DenseNet121",
]
if keras.backend.backend() != "tensorflow":
    # The walk is the same on every backend; two prove that it runs.
    APPLICATIONS = APPLICATIONS[:2]
APPLICATION_SHAPE = (32, 32, 3)


def lively(model: keras.Model) -> keras.Model:
    """Give an untrained network statistics with which its features vary.

    As built, the deeper ones answer every image with the same logits.
    """
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
    ]
    for norm in norms:
        norm.momentum = 0.0
    model(images(APPLICATION_SHAPE), training=True)
    return model


@pytest.mark.parametrize("name", APPLICATIONS)
def test_keras_applications_with_top_split(name: str) -> None:
    build = getattr(keras.applications, name)
    shape = APPLICATION_SHAPE
    model = lively(build(weights=None, input_shape=shape, classes=10))
    split = ImageClassifier.from_model(model)
    logits = predict(split, images(shape))
    assert np.ptp(logits, axis=0).max() > 1e-3, "these images look alike"
    model.layers[-1].activation = keras.activations.linear
    expected = predict(model, images(shape))
    # The same sums, perhaps in another order.
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", APPLICATIONS[:2])
def test_keras_applications_without_top_are_encoders(name: str) -> None:
    base = getattr(keras.applications, name)(
        weights=None, input_shape=APPLICATION_SHAPE, include_top=False
    )
    assert split_model(base).encoder is base
