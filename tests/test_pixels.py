"""What a network wants of its pixels can be said in words."""

import inspect
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.errors import InputError
from atsc_keras.pixels import FAMILIES, Pixels


def applied(stated: Any, images: np.ndarray) -> np.ndarray:
    """By hand."""
    pixels = Pixels.read(stated)
    images = images[..., ::-1] if pixels.bgr else images
    return images * np.array(pixels.scale) + np.array(pixels.offset)


CORNERS = np.array([[0.0, 51.0, 255.0], [255.0, 0.0, 102.0]])


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("0..255", CORNERS),
        ("0..1", CORNERS / 255),
        ("-1..1", CORNERS / 127.5 - 1),
        ("-0.5..0.5", CORNERS / 255 - 0.5),
        ("-128..127", CORNERS - 128),
        ("0..1 bgr", CORNERS[:, ::-1] / 255),
        ("mean=10,20,30", CORNERS - [10, 20, 30]),
        ("mean=10,20,30 std=2,4,8", (CORNERS - [10, 20, 30]) / [2, 4, 8]),
        ("mean=10,20,30; std=2,4,8", (CORNERS - [10, 20, 30]) / [2, 4, 8]),
        ("mean=10 std=2", (CORNERS - 10) / 2),
        ("mean=0 std=255", CORNERS / 255),
        ("mean=0 std=1", CORNERS),
        ("mean=1,2,3 std=4 BGR", (CORNERS[:, ::-1] - [1, 2, 3]) / 4),
        ({"mean": [10, 20, 30], "std": 2}, (CORNERS - [10, 20, 30]) / 2),
        (
            {"mean": [1, 2, 3], "std": [4, 4, 4], "order": "bgr"},
            (CORNERS[:, ::-1] - [1, 2, 3]) / 4,
        ),
    ],
)
def test_statement_says_what_becomes_of_a_pixel(
    stated: Any, expected: np.ndarray
) -> None:
    np.testing.assert_allclose(applied(stated, CORNERS), expected, atol=1e-12)
    # What is written down for later says the same.
    again = applied(Pixels.read(stated).name, CORNERS)
    np.testing.assert_allclose(again, expected, atol=1e-12)


def modules_with_preprocessing() -> dict[str, Any]:
    return {
        name: module
        for name, module in vars(keras.applications).items()
        if hasattr(module, "preprocess_input") and name != "imagenet_utils"
    }


def test_every_family_of_the_library_is_known() -> None:
    assert sorted(FAMILIES) == sorted(modules_with_preprocessing())


@pytest.mark.parametrize("family", FAMILIES)
def test_family_does_what_the_library_does(family: str) -> None:
    module = modules_with_preprocessing()[family]
    images = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3))
    expected = module.preprocess_input(images.astype("float32"))
    np.testing.assert_allclose(applied(family, images), expected, atol=1e-4)


def test_constructors_have_the_pixels_of_their_family() -> None:
    from atsc_keras.models.libraries.applications import _families

    images = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3))
    for name, (build, module) in _families().items():
        assert inspect.isfunction(build)
        expected = module.preprocess_input(images.astype("float32"))
        np.testing.assert_allclose(applied(name, images), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("vgg61", "Did you mean vgg1"),
        ("ResNet5", "Did you mean resnet50"),
        ("efficientnet_v3", "Did you mean efficientnet_v2"),
        ("0-1", "Did you mean 0..1"),
        ("1..0", "from a smaller to a larger"),
        ("0..1 gbr", "rgb or bgr"),
        ("vgg16 bgr", "which says its order"),
        ("", "must be text, or a mapping"),
        (3, "must be text, or a mapping"),
        (["0..1"], "must be text, or a mapping"),
        ("std=1,2,3", "must have mean"),
        ("mean=1 std=2 sdt=3", "must have mean, std"),
        ({"mean": [1], "sdt": [2]}, "must have mean, std"),
        ("mean=1,2 std=1,2,3", "as many numbers"),
        ("mean=a,b,c", "must have numbers in mean"),
        ({"mean": [True]}, "must have numbers in mean"),
        ({"mean": []}, "must have numbers in mean"),
        ("mean=nan", "must have finite numbers"),
        ("mean=1 std=0", "greater than 0"),
        (
            "mean=0.485,0.456,0.406 std=0.229,0.224,0.225",
            "'mean=123.675,116.28,103.53 std=58.395,57.12,57.375'",
        ),
        ("mean=0.5 std=0.5", "'mean=127.5 std=127.5'"),
    ],
)
def test_mistake_is_one_message_with_a_way_out(stated: Any, said: str) -> None:
    with pytest.raises(InputError, match="Received: ") as caught:
        Pixels.read(stated, "teacher.pixels")
    assert str(caught.value).startswith("`teacher.pixels` must")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
