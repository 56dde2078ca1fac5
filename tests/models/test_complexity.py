"""Parameters and multiply-adds by hand, and by the published table."""

import json

import keras
import pytest
from keras import layers

from atsc_keras.models.complexity import count_multiply_adds
from atsc_keras.models.complexity import count_parameters
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.networks import build_encoder
from tests.reference import GOLDEN

CASES = {
    # 4x4 positions, 3x3 window, 2 -> 6 channels.
    "convolution": (layers.Conv2D(6, 3), (6, 6, 2), 16 * 9 * 2 * 6),
    "strided": (layers.Conv2D(6, 3, strides=2), (6, 6, 2), 4 * 9 * 2 * 6),
    "grouped": (layers.Conv2D(6, 3, groups=2), (6, 6, 2), 16 * 9 * 1 * 6),
    "depthwise": (layers.DepthwiseConv2D(3), (6, 6, 2), 16 * 9 * 2),
    "separable": (
        layers.SeparableConv2D(6, 3),
        (6, 6, 2),
        16 * (9 * 2 + 2 * 6),
    ),
    "transposed": (layers.Conv2DTranspose(6, 3), (6, 6, 2), 36 * 9 * 2 * 6),
    "dense": (layers.Dense(5), (7,), 35),
    "dense_on_tokens": (layers.Dense(5), (4, 7), 4 * 35),
    "pooling": (layers.AveragePooling2D(2), (6, 6, 2), 0),
}


@pytest.mark.parametrize("case", CASES)
def test_multiply_adds_equal_hand_computation(case: str) -> None:
    layer, shape, expected = CASES[case]
    x = keras.Input(shape)
    assert count_multiply_adds(keras.Model(x, layer(x))) == expected


def test_nested_models_count_once() -> None:
    x = keras.Input((6, 6, 2))
    inner = keras.Model(x, layers.Conv2D(6, 3, use_bias=False)(x))
    model = keras.Sequential([keras.Input((6, 6, 2)), inner])
    assert count_multiply_adds(model) == 16 * 9 * 2 * 6
    assert count_parameters(model) == 9 * 2 * 6


def test_statistics_are_no_parameters_and_frozen_layers_are() -> None:
    norm = layers.BatchNormalization()
    x = keras.Input((4,))
    model = keras.Model(x, norm(x))
    norm.trainable = False
    assert count_parameters(model) == 8


@pytest.mark.parametrize("name", ["resnet8x4", "resnet14x2", "resnet38"])
def test_classifiers_cost_what_the_papers_say(name: str) -> None:
    expected = json.loads((GOLDEN / "networks.json").read_text())[name]
    encoder = build_encoder(name, (32, 32, 3))
    model = ImageClassifier(encoder, layers.Dense(100)).to_functional()
    assert count_parameters(model) == expected["params"]
    assert count_multiply_adds(model) == expected["macs_forward_1x3x32x32"]
