"""The maps that end each resolution of an encoder."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.errors import InputError
from atsc_keras.models.networks import build_encoder
from atsc_keras.models.stage_maps import (
    last_stage,
    stem_note,
    with_stage_maps,
)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("resnet8", [(32, 32, 16), (16, 16, 32), (8, 8, 64)]),
        ("vgg8", [(32, 32, 64), (16, 16, 128), (8, 8, 256), (4, 4, 512)]),
        (
            "ShuffleV2",
            [(32, 32, 24), (16, 16, 116), (8, 8, 232), (4, 4, 464)],
        ),
    ],
)
def test_maps_are_those_of_the_literature(
    name: str, shapes: list[tuple[int, int, int]]
) -> None:
    """As `golden/networks.json` lists them, the last of each resolution."""
    wired = with_stage_maps(build_encoder(name, (32, 32, 3)))
    assert [x.shape[1:] for x in wired.outputs] == shapes


def test_maps_come_from_the_encoders_own_layers() -> None:
    encoder = build_encoder("resnet8x0.25", (16, 16, 3))
    wired = with_stage_maps(encoder)
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3))
    first, _, last = wired.predict(images, verbose=0)
    np.testing.assert_array_equal(last, encoder.predict(images, verbose=0))
    inner = keras.Model(
        encoder.input, encoder.get_layer("stage1_block0_relu2").output
    )
    np.testing.assert_array_equal(first, inner.predict(images, verbose=0))
    assert {id(w) for w in wired.weights} == {id(w) for w in encoder.weights}


def test_maps_of_a_sequential_are_found() -> None:
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 1), layers.Conv2D(6, 2, 2)]
    )
    encoder(keras.Input((8, 8, 3)))  # a call of its own must not matter
    wired = with_stage_maps(encoder)
    assert [x.shape[1:] for x in wired.outputs] == [(8, 8, 4), (4, 4, 6)]


def test_branches_and_margins_are_no_maps() -> None:
    images = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(images)
    shortcut = layers.Conv2D(6, 1, strides=2)(x)
    wide = layers.Conv2D(9, 1)(x)  # inside a branch, at the old resolution
    wide = layers.ZeroPadding2D(1)(wide)
    wide = layers.Conv2D(6, 3, strides=2)(wide)
    x = layers.Add(name="sum")([shortcut, wide])
    x = layers.ZeroPadding2D(1)(x)
    vector = layers.Flatten()(x)
    wired = with_stage_maps(keras.Model(images, vector))
    shapes = [(8, 8, 4), (4, 4, 6), (216,)]
    assert [x.shape[1:] for x in wired.outputs] == shapes


def test_last_stage_begins_behind_the_last_change_of_size() -> None:
    encoder = build_encoder("resnet8x0.25", (16, 16, 3))
    names = last_stage(encoder)
    assert names and all(name.startswith("stage3_") for name in names)
    weighted = {x.name for x in encoder.layers if x.weights}
    assert set(names) == {n for n in weighted if n.startswith("stage3_")}


def test_encoder_of_one_size_has_no_last_stage() -> None:
    images = keras.Input((8, 8, 3))
    encoder = keras.Model(images, layers.Conv2D(4, 1)(images))
    with pytest.raises(InputError, match="Name the layers that adapt"):
        last_stage(encoder)


def mobilenet(side: int) -> keras.Model:
    make = keras.applications.MobileNetV3Small
    return make((side, side, 3), weights=None, include_top=False)


@pytest.mark.parametrize(
    ("encoder", "places"),
    [
        (lambda: mobilenet(64), "2 x 2 places of pictures of 64 x 64"),
        (lambda: mobilenet(32), "2 x 2 places of pictures of 32 x 32"),
        (lambda: mobilenet(128), None),
        (lambda: build_encoder("resnet8x0.25", (32, 32, 3)), None),
        (lambda: build_encoder("vgg8", (32, 32, 3)), None),
        (lambda: build_encoder("resnet8x0.25", (8, 8, 1)), None),
    ],
)
def test_network_for_larger_pictures_is_named(
    encoder: Any, places: str | None
) -> None:
    note = stem_note(encoder(), "student")
    if places is None:
        assert note is None
    else:
        assert note is not None
        assert note.startswith(f"The student leaves {places}")
        assert "data.image_size" in note


def test_network_of_any_size_is_not_named() -> None:
    images = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, 2)(images)
    encoder = keras.Model(images, layers.GlobalAveragePooling2D()(x))
    assert stem_note(encoder, "student") is None


def test_pooled_features_are_judged_by_the_map_before() -> None:
    encoder = mobilenet(128)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(encoder.output)
    assert stem_note(keras.Model(encoder.input, pooled), "student") is None
