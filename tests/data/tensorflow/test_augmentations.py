"""Named augmentations: a key decides all of what they do."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from atsc_keras.config import DataConfig
from atsc_keras.data import Dataset, Split, build_pipeline
from atsc_keras.data.tensorflow.augmentations.base import (
    for_tf_data,
    transform_with,
)
from atsc_keras.data.tensorflow.randomness import TensorKey
from tests.data.batches import first_batches
from tests.data.tensorflow.augmenting import augment, noise, of_tensorflow, tf

_NAMES = ["rand_augment", "mixup", "cutmix", "random_erasing", "grid_mask"]
_CLASSES = 4


def _dataset() -> Dataset:
    images = noise(10, 8).astype(np.uint8)
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


@of_tensorflow
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


@of_tensorflow
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


@of_tensorflow
def test_another_backend_is_given_the_same_batches() -> None:
    code = f"import {__name__} as t; print(*t._digests())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert done.stdout.split() == _digests()


def test_keras_still_lets_a_layer_compute_with_tensorflow() -> None:
    """Not published: if this fails, a new Keras has gone on."""
    layer = for_tf_data(keras.layers.RandomFlip())
    flipped = transform_with(layer, noise(2, 4), TensorKey.from_seed(0))
    assert tf.is_tensor(flipped)
    with pytest.raises(RuntimeError, match=f"Keras {keras.__version__}"):
        for_tf_data(keras.layers.Dense(3))


@of_tensorflow
def test_half_precision_training_leaves_the_pixels_alone() -> None:
    images = noise(4, 8)

    def augmented() -> list[np.ndarray]:
        return [
            augment(images, np.arange(4), name=name)[0]
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
