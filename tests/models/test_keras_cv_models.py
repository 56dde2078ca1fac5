"""KerasCV's classifiers are split like any others."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.models.image_classifier import ImageClassifier
from tests.tiny import CLASSES, sgd

SHAPE = (32, 32, 3)


def resnet(models: Any) -> keras.Model:
    return models.ResNetV2Backbone(
        stackwise_filters=[8, 16],
        stackwise_blocks=[2, 2],
        stackwise_strides=[1, 2],
        include_rescaling=True,
        input_shape=SHAPE,
    )


def mobilenet(models: Any) -> keras.Model:
    return models.MobileNetV3Backbone(
        stackwise_expansion=[1, 2],
        stackwise_filters=[16, 24],
        stackwise_kernel_size=[3, 3],
        stackwise_stride=[2, 2],
        stackwise_se_ratio=[0.25, None],
        stackwise_activation=["relu", "relu"],
        include_rescaling=True,
        input_shape=SHAPE,
    )


@pytest.mark.filterwarnings("ignore")  # of KerasCV's own
@pytest.mark.parametrize("backbone", [resnet, mobilenet])
def test_classifier_teaches_and_learns(
    backbone: Callable[[Any], keras.Model],
) -> None:
    import keras_cv

    def build() -> keras.Model:
        return keras_cv.models.ImageClassifier(
            backbone=backbone(keras_cv.models),
            num_classes=CLASSES,
            activation="softmax",
        )

    teacher, student = build(), build()
    images = np.random.default_rng(0).uniform(0, 255, (4, *SHAPE))
    images = images.astype("float32")
    expected = teacher.predict(images, verbose=0)
    split = ImageClassifier.from_model(teacher)
    power = np.exp(split.predict(images, verbose=0))
    shares = power / power.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected, rtol=1e-4, atol=1e-5)
    atsc = ATSC(split, student)
    atsc.compile(optimizer=sgd(0.01))
    logs = atsc.train_on_batch(images, np.arange(4), return_dict=True)
    assert np.isfinite(logs["loss"])
    assert logs["feature_loss"] > 0
