"""Images, and an augmentation of them as tf.data does it."""

import keras
import numpy as np
import pytest

from atsc_keras.config import AugmentationConfig
from atsc_keras.data.tensorflow.augmentations import build_augmentation
from atsc_keras.data.tensorflow.randomness import TensorKey

tf = pytest.importorskip("tensorflow")

# TensorFlow augments, whichever backend trains: `test_augmentations` shows it.
of_tensorflow = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="the same computation on every backend",
)


def augment(
    images: np.ndarray, labels: np.ndarray, seed: int = 0, **options: object
) -> tuple[np.ndarray, np.ndarray]:
    """As tf.data does it: in a graph, the number of images unknown."""
    augment = build_augmentation(AugmentationConfig(**options))
    batches = (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .batch(len(images))
        .map(lambda x, y: augment(x, y, TensorKey.from_seed(seed)))
    )
    (batch,) = batches.as_numpy_iterator()
    return batch


def numbered(count: int, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Flat images whose value is their number, with one-hot labels."""
    values = np.arange(count, dtype=np.float32)
    images = np.broadcast_to(
        values[:, None, None, None], (count, size, size + 2, 3)
    )
    return np.array(images), np.eye(count, dtype=np.float32)


def noise(count: int, size: int, channels: int = 3) -> np.ndarray:
    numbers = np.random.default_rng(0)
    shape = (count, size, size, channels)
    return numbers.integers(1, 255, shape).astype(np.float32)
