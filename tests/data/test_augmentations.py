"""Named augmentations: what they do, and that a key decides all of it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from atsc_keras.config import AugmentationConfig
from atsc_keras.config import DataConfig
from atsc_keras.data import Dataset
from atsc_keras.data import Split
from atsc_keras.data import build_pipeline
from atsc_keras.data.augmentations import build_augmentation
from atsc_keras.data.augmentations.rand_augment import build_operations
from atsc_keras.data.randomness import make_key
from tests.data.batches import first_batches

tf = pytest.importorskip("tensorflow")

_NAMES = ["rand_augment", "mixup", "cutmix", "random_erasing", "grid_mask"]
_CLASSES = 4


def _augment(
    images: np.ndarray, labels: np.ndarray, seed: int = 0, **options: object
) -> tuple[np.ndarray, np.ndarray]:
    """As tf.data does it: in a graph, the number of images unknown."""
    augment = build_augmentation(AugmentationConfig(**options))
    batches = (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .batch(len(images))
        .map(lambda x, y: augment(x, y, make_key(seed)))
    )
    (batch,) = batches.as_numpy_iterator()
    return batch


def _numbered(count: int, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Flat images whose value is their number, with one-hot labels."""
    values = np.arange(count, dtype=np.float32)
    images = np.broadcast_to(
        values[:, None, None, None], (count, size, size + 2, 3)
    )
    return np.array(images), np.eye(count, dtype=np.float32)


def _noise(count: int, size: int, channels: int = 3) -> np.ndarray:
    numbers = np.random.default_rng(0)
    shape = (count, size, size, channels)
    return numbers.integers(1, 255, shape).astype(np.float32)


# === Mixing ===


def test_mixup_blends_images_and_labels_in_the_same_share() -> None:
    images, labels = _numbered(200)
    mixed, rows = _augment(images, labels, name="mixup", probability=1.0)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-6)
    assert mixed.min(axis=(1, 2, 3)).tolist() == pytest.approx(
        mixed.max(axis=(1, 2, 3)).tolist()
    )
    # The value is the mean of the two numbers, weighed as the labels are.
    np.testing.assert_allclose(
        mixed[:, 0, 0, 0], rows @ np.arange(200.0), rtol=1e-5, atol=1e-4
    )
    kept = np.diagonal(rows)
    # alpha 1 is uniform: mean 1/2, and 0.04 is two standard errors.
    assert abs(kept.mean() - 0.5) < 0.04
    assert kept.min() < 0.05 and kept.max() > 0.95
    # Each has a partner of its own.
    assert (rows > 0).sum(axis=0).max() <= 2


def test_small_alpha_keeps_or_replaces_nearly_whole_images() -> None:
    images, labels = _numbered(200)
    options = {"name": "mixup", "probability": 1.0}
    _, rows = _augment(images, labels, alpha=0.01, **options)
    kept = np.diagonal(rows)
    assert np.isfinite(rows).all()
    assert np.mean((kept < 0.01) | (kept > 0.99)) > 0.9
    _, rows = _augment(images, labels, alpha=1000.0, **options)
    assert np.abs(np.diagonal(rows) - 0.5).max() < 0.05


def test_cutmix_label_is_the_share_of_the_pixels_that_came() -> None:
    images, labels = _numbered(200)
    mixed, rows = _augment(images, labels, name="cutmix", probability=1.0)
    shapes = set()
    for number, (image, row) in enumerate(zip(mixed, rows, strict=True)):
        came = image[..., 0] != number
        assert row[number] == pytest.approx(1 - came.mean(), abs=1e-6)
        if came.any():
            (other,) = np.unique(image[came])
            assert row[int(other)] == pytest.approx(came.mean(), abs=1e-6)
            height = came.any(axis=1).sum()
            width = came.any(axis=0).sum()
            # A rectangle: all of its rows and columns.
            assert height * width == came.sum()
            shapes.add((height, width))
    assert len(shapes) > 20


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_probability_is_the_share_of_images_that_are_mixed(name: str) -> None:
    images, labels = _numbered(400)
    mixed, rows = _augment(images, labels, name=name, probability=0.25)
    changed = np.diagonal(rows) < 1
    # 0.065 is three standard errors; a cut may miss every pixel.
    assert abs(changed.mean() - 0.25) < 0.065
    np.testing.assert_array_equal(mixed[~changed], images[~changed])


# === Hiding ===


def test_random_erasing_replaces_one_rectangle_by_noise() -> None:
    images = np.full((300, 20, 20, 3), 1.5, np.float32)
    erased, labels = _augment(
        images,
        np.arange(300),
        name="random_erasing",
        probability=0.5,
        area=(0.1, 0.3),
    )
    np.testing.assert_array_equal(labels, np.arange(300))
    gone = (erased != 1.5).any(axis=-1)
    share = gone.mean(axis=(1, 2))
    hit = share > 0
    assert abs(hit.mean() - 0.5) < 0.09  # three standard errors
    # Keras draws height and width apart, and a border takes a pixel.
    assert 0.05 < share[hit].min() and share[hit].max() < 0.4
    for mask in gone[hit]:
        height, width = mask.any(axis=1).sum(), mask.any(axis=0).sum()
        assert height * width == mask.sum()
    assert erased.min() >= 0 and erased.max() <= 255
    # Of its four draws none is another one again.
    top = gone[hit].any(axis=2).argmax(axis=1)
    left = gone[hit].any(axis=1).argmax(axis=1)
    assert abs(np.corrcoef(top, left)[0, 1]) < 0.5


def test_grid_mask_hides_the_asked_share_in_black() -> None:
    images = _noise(200, 40)
    masked, _ = _augment(
        images,
        np.arange(200),
        name="grid_mask",
        probability=1.0,
        ratio=(0.6, 0.6),
    )
    hidden = (masked == 0).all(axis=-1)
    np.testing.assert_array_equal(masked[~hidden], images[~hidden])
    # Holes of 0.6 x 0.6 units; the cut at the border varies by image.
    assert abs(hidden.mean() - 0.36) < 0.02
    # Along a line through the grid, hidden and seen take turns.
    turns = np.abs(np.diff(hidden.astype(int), axis=2)).sum(axis=2).max(axis=1)
    assert np.median(turns) >= 4
    half, _ = _augment(
        images, np.arange(200), name="grid_mask", ratio=(0.6, 0.6)
    )
    untouched = (half == images).all(axis=(1, 2, 3)).mean()
    assert abs(untouched - 0.5) < 0.11  # three standard errors


# === RandAugment ===


@pytest.mark.parametrize("channels", [1, 3])
def test_rand_augment_gives_each_image_operations_of_its_own(
    channels: int,
) -> None:
    images = np.repeat(_noise(1, 12, channels), 60, axis=0)
    augmented, labels = _augment(
        images, np.arange(60), name="rand_augment", magnitude=0.7
    )
    np.testing.assert_array_equal(labels, np.arange(60))
    assert augmented.shape == images.shape
    assert augmented.min() >= 0 and augmented.max() <= 255
    distinct = {image.tobytes() for image in augmented}
    # Two operations of 14 with strengths: few images are equal.
    assert len(distinct) > 45


def test_rand_augment_does_as_many_operations_as_asked() -> None:
    images = np.repeat(_noise(1, 12), 120, axis=0)

    def untouched(operations: int) -> float:
        augmented, _ = _augment(
            images, np.arange(120), name="rand_augment", operations=operations
        )
        return float((augmented == images).all(axis=(1, 2, 3)).mean())

    one, four = untouched(1), untouched(4)
    assert 0.02 < one < 0.4
    assert four < one / 2


_STRENGTH = 0.8


def _operate(name: str, image: np.ndarray, draws: int) -> np.ndarray:
    operations = build_operations(_STRENGTH)
    assert len(operations) == 14
    operation = operations[name]
    keys = tf.data.Dataset.range(draws)
    found = keys.map(lambda n: operation(tf.constant(image), make_key(n)))
    return np.stack(list(found.as_numpy_iterator()))


def test_operations_move_pixels_in_their_own_direction() -> None:
    size = 21
    image = np.full((size, size, 3), 255.0, np.float32)
    image[8:13, 8:13] = 0.0

    def centres(name: str) -> np.ndarray:
        moved = _operate(name, image, 40)
        weights = np.clip(128.0 - moved[..., 0], 0, None)
        total = weights.sum(axis=(1, 2))
        y, x = np.mgrid[:size, :size]
        return np.stack(
            [(weights * axis).sum(axis=(1, 2)) / total for axis in (y, x)]
        )

    down, right = centres("translate_x") - 10
    limit = 0.45 * _STRENGTH * size
    assert np.abs(down).max() < 0.01
    assert right.min() < -limit / 2 and right.max() > limit / 2
    assert np.abs(right).max() <= limit + 0.1
    down, right = centres("translate_y") - 10
    assert np.abs(right).max() < 0.01
    assert down.min() < -limit / 2 and down.max() > limit / 2
    assert np.abs(centres("rotate") - 10).max() < 0.1
    assert np.abs(centres("shear_x")[0] - 10).max() < 0.3
    assert np.ptp(centres("shear_x")[1]) > 1
    assert np.abs(centres("shear_y")[1] - 10).max() < 0.3


def test_operations_change_values_as_far_as_asked_both_ways() -> None:
    image = _noise(1, 12)[0] / 2 + 64  # room to move without clipping
    mean = image.mean()
    bright = _operate("brightness", image, 60).mean(axis=(1, 2, 3)) - mean
    limit = 255 * 0.5 * _STRENGTH
    assert bright.min() < -limit / 2 and bright.max() > limit / 2
    assert np.abs(bright).max() <= limit + 1
    for name in ("contrast", "sharpness"):
        spread = _operate(name, image, 60).std(axis=(1, 2, 3)) / image.std()
        assert spread.min() < 0.9 and spread.max() > 1.1, name
    colour = np.ptp(_operate("colour", image, 30), axis=-1).mean(axis=(1, 2))
    full = np.ptp(image, axis=-1).mean()
    assert colour.max() <= full + 1e-3 and colour.min() < full / 2
    posterized = _operate("posterize", image, 30)
    assert (posterized % 2 == 0).all()  # at least one bit is lost
    assert (posterized % 32 != 0).any(axis=(1, 2, 3)).all()  # at most four
    solarized = _operate("solarize", image, 60)
    inverted = np.isclose(solarized, 255 - image).mean(axis=(1, 2, 3))
    assert inverted.min() < 0.05 and inverted.max() > 0.8
    kept = np.isclose(solarized, image) | np.isclose(solarized, 255 - image)
    assert kept.all()
    stretched = _operate("autocontrast", image, 1)
    assert stretched.min() == 0 and stretched.max() == 255
    np.testing.assert_array_equal(_operate("identity", image, 1)[0], image)
    levels = np.sort(_operate("equalize", image, 1)[0].ravel())
    # Equally frequent: the quartiles are quarters of the range.
    quartiles = np.quantile(levels, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, [64, 128, 191], atol=12)


# === A key decides ===


def _dataset() -> Dataset:
    images = _noise(10, 8).astype(np.uint8)
    labels = np.arange(10) % _CLASSES
    return Dataset(
        train=Split("train", images, labels),
        test=Split("test", images, labels),
        class_names=tuple("abcd"),
        image_shape=(8, 8, 3),
    )


def _config(*names: str) -> DataConfig:
    return DataConfig(
        batch_size=4,
        augmentations=[{"name": name} for name in names],
    )


@pytest.mark.parametrize("name", _NAMES)
def test_batches_are_decided_by_seed_epoch_and_place_alone(name: str) -> None:
    dataset, config = _dataset(), _config(name)

    def batches(count: int, seed: int = 1, epoch: int = 0) -> list[np.ndarray]:
        taken = first_batches(dataset, config, count, seed, epoch)
        return [array.astype(float) for pair in taken for array in pair]

    def equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
        return all(map(np.array_equal, first, second))

    undisturbed = batches(24)
    assert equal(undisturbed, batches(24))
    assert not equal(undisturbed, batches(24, seed=2))
    assert equal(undisturbed[2 * 21 :], batches(3, epoch=7))
    plain = build_pipeline(
        dataset, "train", _config(), training=True, seed=1
    ).batches.take(24)
    # It does something at all, and leaves the order alone.
    images = [x for x, _ in plain.as_numpy_iterator()]
    assert not equal(undisturbed[::2], images)


def test_batches_and_epochs_are_augmented_differently() -> None:
    dataset = _dataset()
    dataset.train.images[:] = dataset.train.images[:1]
    config = _config("random_erasing").model_copy(
        update={"batch_size": 1, "crop_padding": 0, "flip": False}
    )
    pipeline = build_pipeline(dataset, "train", config, training=True)
    taken = pipeline.batches.take(20).as_numpy_iterator()
    plain = dataset.train.images[0].astype(np.float32).tobytes()
    changed = [x.tobytes() for x, _ in taken if x.tobytes() != plain]
    assert len(changed) >= 5
    assert len(set(changed)) == len(changed)


def test_labels_are_rows_only_where_they_are_mixed() -> None:
    dataset = _dataset()
    for config in (_config("grid_mask"), _config("cutmix", "random_erasing")):
        for split, training in (("train", True), ("test", False)):
            pipeline = build_pipeline(dataset, split, config, training=training)
            _, labels = next(iter(pipeline.batches.as_numpy_iterator()))
            if not config.soft_labels:
                assert labels.dtype == np.int32 and labels.shape == (4,)
                continue
            assert labels.dtype == np.float32
            assert labels.shape == (4, _CLASSES)
            np.testing.assert_allclose(labels.sum(axis=1), 1.0, rtol=1e-6)
            if not training:
                np.testing.assert_array_equal(labels, np.eye(_CLASSES))


def _digests() -> list[str]:
    digests = []
    for name in _NAMES:
        digest = hashlib.sha256()
        pipeline = build_pipeline(
            _dataset(), "train", _config(name), training=True, seed=3
        )
        for pair in pipeline.batches.take(3).as_numpy_iterator():
            for array in pair:
                digest.update(array.tobytes())
        digests.append(digest.hexdigest())
    return digests


def test_another_backend_is_given_the_same_batches() -> None:
    others = {"tensorflow": "jax", "jax": "torch", "torch": "tensorflow"}
    backend = others[keras.config.backend()]
    code = "import tests.data.test_augmentations as t; print(*t._digests())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.stdout.split() == _digests()


def test_half_precision_training_leaves_the_pixels_alone() -> None:
    images = _noise(4, 8)

    def augmented() -> list[np.ndarray]:
        return [
            _augment(images, np.arange(4), name=name)[0]
            for name in ("rand_augment", "random_erasing")
        ]

    before = keras.config.dtype_policy()
    expected = augmented()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = augmented()
    finally:
        keras.config.set_dtype_policy(before)
    for first, second in zip(expected, found, strict=True):
        assert second.dtype == np.float32
        np.testing.assert_array_equal(first, second)
