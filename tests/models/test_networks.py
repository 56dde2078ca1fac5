"""The named networks are the published ones."""

import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest

from atsc_keras.errors import InputError
from atsc_keras.models.complexity import count_multiply_adds, count_parameters
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.networks import build_classifier, build_encoder
from tests.markers import ONCE
from tests.reference import GOLDEN

TABLE = {
    name: entry
    for name, entry in json.loads(
        (GOLDEN / "networks.json").read_text()
    ).items()
    if not name.startswith("_")
}


def scalars(weights: list[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


# One of each family: the rest is more of the same layers.
ON_EVERY_BACKEND = {
    *("resnet8x4", "vgg8", "MobileNetV2", "ShuffleV1", "ShuffleV2")
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ON_EVERY_BACKEND else ONCE)
        for name in sorted(TABLE)
    ],
)
def test_network_has_the_published_size_and_map(name: str) -> None:
    classifier = build_classifier(name, (32, 32, 3), 100)
    expected = TABLE[name]
    channels, height, width = expected["distilled_map_CHW"]
    assert classifier.feature_shape == (height, width, channels)
    assert scalars(classifier.trainable_weights) == expected["params"]
    assert count_parameters(classifier) == expected["params"]
    assert scalars(classifier.non_trainable_weights) == expected["buffers"]
    macs = expected["macs_forward_1x3x32x32"]
    assert count_multiply_adds(classifier) == macs


@pytest.mark.parametrize("name", ["vgg8", "MobileNetV2", "ShuffleV2"])
def test_saved_network_is_split_as_it_was_built(
    name: str, tmp_path: Path
) -> None:
    classifier = build_classifier(name, (32, 32, 3), 4)
    classifier.to_functional().save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    again = ImageClassifier.from_model(model)
    assert again.feature_shape == classifier.feature_shape
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3))
    np.testing.assert_allclose(
        *(
            keras.ops.convert_to_numpy(model(images, training=False))
            for model in (again, classifier)
        ),
        rtol=1e-5,
        atol=1e-6,
    )


def test_first_layer_normalises_pixels() -> None:
    encoder = build_encoder(
        "resnet8", (8, 8, 3), mean=[10.0, 20.0, 30.0], std=[1.0, 2.0, 4.0]
    )
    layer = encoder.get_layer("normalization")
    pixels = keras.ops.ones((1, 1, 1, 3)) * 50.0
    result = keras.ops.convert_to_numpy(layer(pixels))
    assert result.reshape(-1).tolist() == [40.0, 15.0, 5.0]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("resnet9", "resnet8"),
        ("resnt32x4", "resnet32x4"),
        ("resnet8x4x", "resnet8x4"),
        ("vgg12", "vgg13"),
        ("mobilenetv2", "MobileNetV2"),
        ("shufflenetv2", "ShuffleV2"),
    ],
)
def test_unknown_network_names_the_nearest(name: str, nearest: str) -> None:
    message = rf"Received: network='{name}'\. Nearest: [^.]*{nearest}"
    with pytest.raises(InputError, match=message):
        build_encoder(name, (32, 32, 3))


def test_multiplier_that_leaves_no_channel_is_refused() -> None:
    with pytest.raises(InputError, match="at least one channel. Received"):
        build_encoder("resnet8x0.001", (32, 32, 3))
