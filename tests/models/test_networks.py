"""The named networks are the published ones."""

import json
import math
import re

import keras
import pytest

from atsc_keras.errors import InputError
from atsc_keras.models.networks import build_encoder
from tests.reference import GOLDEN

TABLE = {
    name: entry
    for name, entry in json.loads(
        (GOLDEN / "networks.json").read_text()
    ).items()
    if re.fullmatch(r"resnet[\dx]+", name)
}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_network_has_the_published_parameters_and_map(name: str) -> None:
    encoder = build_encoder(name, (32, 32, 3))
    expected = TABLE[name]
    channels, height, width = expected["distilled_map_CHW"]
    assert encoder.output_shape == (None, height, width, channels)
    head = 100 * (channels + 1)
    trainable = sum(math.prod(w.shape) for w in encoder.trainable_weights)
    assert trainable + head == expected["params"]
    statistics = sum(math.prod(w.shape) for w in encoder.non_trainable_weights)
    assert statistics == expected["buffers"]


def test_first_layer_normalises_pixels() -> None:
    encoder = build_encoder(
        "resnet8", (8, 8, 3), mean=[10.0, 20.0, 30.0], std=[1.0, 2.0, 4.0]
    )
    layer = encoder.get_layer("normalization")
    pixels = keras.ops.ones((1, 1, 1, 3)) * 50.0
    result = keras.ops.convert_to_numpy(layer(pixels))
    assert result.reshape(-1).tolist() == [40.0, 15.0, 5.0]


@pytest.mark.parametrize(
    "name", ["resnet9", "resnet32x", "resnt32x4", "resnet8x4x", ""]
)
def test_unknown_network_names_the_nearest(name: str) -> None:
    with pytest.raises(InputError, match=r"Received: network=.*Nearest: res"):
        build_encoder(name, (32, 32, 3))


def test_multiplier_that_leaves_no_channel_is_refused() -> None:
    with pytest.raises(InputError, match="at least one channel. Received"):
        build_encoder("resnet8x0.001", (32, 32, 3))
