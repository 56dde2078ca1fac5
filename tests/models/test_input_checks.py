"""What contradicts plain pixels is seen, and nothing else is."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.models.input_checks import find_contradiction
from atsc_keras.pixels import Pixels

SHAPE = (8, 8, 3)
CLASSES = 3


def pictures(count: int, seed: int, channels: int = 3) -> tuple:
    """Each class has a coarse pattern of its own under noise."""
    random = np.random.default_rng(seed)
    patterns = np.random.default_rng(7).integers(
        40, 216, (CLASSES, 2, 2, channels)
    )
    labels = np.arange(count) % CLASSES
    coarse = patterns[labels].repeat(4, 1).repeat(4, 2)
    noisy = coarse + random.normal(0, 12, coarse.shape)
    return np.clip(noisy, 0, 255).astype("uint8"), labels


def trained_on(
    stated: str, front: Any = None, channels: int = 3, **form: Any
) -> keras.Model:
    """A small classifier that has seen pixels of a range, and no others."""
    keras.utils.set_random_seed(0)
    x = image = keras.Input((8, 8, channels))
    for layer in front or []:
        x = layer(x)
    x = layers.Conv2D(8, 3, use_bias=False)(x)
    if form.get("normalized", True):
        x = layers.BatchNormalization(momentum=form.get("momentum", 0.8))(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    model = keras.Model(image, layers.Dense(CLASSES)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    # TensorFlow would trace a step that makes its variables twice.
    model.optimizer.build(model.trainable_variables)
    images, labels = pictures(96, 0, channels)
    model.fit(
        *(seen_as(stated, images), labels),
        batch_size=16,
        epochs=form.get("epochs", 12),
        verbose=0,
    )
    return model


def seen_as(stated: str, images: np.ndarray) -> np.ndarray:
    pixels = Pixels.read(stated)
    images = images[..., ::-1] if pixels.bgr else images
    made = images * np.array(pixels.scale) + np.array(pixels.offset)
    return made.astype("float32")


@pytest.mark.parametrize("stated", ["0..1", "-1..1", "densenet"])
@pytest.mark.parametrize("labelled", [True, False])
def test_other_range_is_named(stated: str, labelled: bool) -> None:
    images, labels = pictures(120, 1)
    model = trained_on(stated)
    found = find_contradiction(model, images, labels if labelled else None)
    assert found is not None
    assert found.better is not None
    # On what it seems to want it is as good as on what it was trained on.
    right = [
        np.mean(model.predict(seen_as(x, images), verbose=0).argmax(-1))
        for x in (stated, found.example)
    ]
    assert right[0] == pytest.approx(right[1], abs=0.1)
    if labelled:
        assert "% with 0..255, " in found.seen
        assert "120 labelled images" in found.seen
    else:
        assert "times as much as in its training" in found.seen


def test_swapped_channels_need_labels_to_be_seen() -> None:
    images, labels = pictures(120, 1)
    model = trained_on("resnet50", normalized=False)
    found = find_contradiction(model, images, labels)
    assert found is not None
    assert "100.0% with those of resnet50" in found.seen
    assert find_contradiction(model, images) is None


def test_grey_images_are_tried_with_their_own_mean() -> None:
    images, labels = pictures(120, 1, channels=1)
    mean, std = images.mean(), images.std()
    stated = f"mean={mean:.3g} std={std:.3g}"
    found = find_contradiction(trained_on(stated, channels=1), images, labels)
    assert found is not None
    assert "mean=" in found.seen


def test_known_statistics_of_a_normalization_count_too() -> None:
    images, labels = pictures(120, 1)
    front = layers.Normalization(mean=[0.5] * 3, variance=[0.06] * 3)
    model = trained_on("0..1", [front], normalized=False)
    found = find_contradiction(model, images)
    assert found is not None
    assert found.example == "0..1"
    assert front.name in found.seen


QUIET = {
    "rescaled": ("0..255", lambda: [layers.Rescaling(1 / 255)], {}),
    "plain": ("0..255", list, {}),
    "own statistics": ("0..255", lambda: [layers.BatchNormalization()], {}),
    "nested": (
        "0..255",
        lambda: [keras.Sequential([layers.Rescaling(1 / 127.5, -1)])],
        {},
    ),
    "known statistics": (
        "0..255",
        lambda: [layers.Normalization(mean=127.0, variance=4000.0)],
        {},
    ),
    "no normalisation": ("0..255", list, {"normalized": False}),
    # Moving statistics that lag behind are no other range.
    "slow": ("0..255", list, {"momentum": 0.99}),
    "slower": ("0..255", list, {"momentum": 0.999, "epochs": 6}),
    "hardly trained": ("0..255", list, {"momentum": 0.99, "epochs": 1}),
}


@pytest.mark.parametrize("kind", QUIET)
def test_right_model_is_left_alone(kind: str) -> None:
    stated, front, form = QUIET[kind]
    model = trained_on(stated, front(), **form)
    images, labels = pictures(120, 1)
    assert find_contradiction(model, images, labels) is None
    for seen in (images, images // 5, 255 - images):
        assert find_contradiction(model, seen) is None


@pytest.mark.parametrize("normalized", [True, False])
def test_untrained_model_says_nothing(normalized: bool) -> None:
    images, labels = pictures(120, 1)
    for seed in range(4):
        keras.utils.set_random_seed(seed)
        image = keras.Input(SHAPE)
        x = layers.Conv2D(8, 3)(image)
        x = layers.BatchNormalization()(x) if normalized else x
        x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
        model = keras.Model(image, layers.Dense(CLASSES)(x))
        assert find_contradiction(model, images) is None
        assert find_contradiction(model, images, labels) is None


def test_labels_of_other_classes_say_nothing() -> None:
    images, labels = pictures(120, 1)
    model = trained_on("0..255", [layers.Rescaling(1 / 255)])
    mixed = np.random.default_rng(0).permutation(labels)
    assert find_contradiction(model, images, mixed) is None
    # What the statistics say counts then.
    model = trained_on("0..1")
    found = find_contradiction(model, images, mixed)
    assert found is not None
    assert "times as much" in found.seen


def test_model_of_whole_numbers_takes_what_it_takes() -> None:
    image = keras.Input(SHAPE, dtype="uint8")
    x = layers.Rescaling(1 / 255)(image)
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))
    assert find_contradiction(model, *pictures(9, 0)) is None
