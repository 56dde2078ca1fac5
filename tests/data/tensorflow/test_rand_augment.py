"""RandAugment: fourteen operations, as strong as asked."""

import numpy as np
import pytest

from atsc_keras.data.tensorflow.augmentations.rand_augment import (
    build_operations,
)
from atsc_keras.data.tensorflow.randomness import TensorKey
from tests.data.tensorflow.augmenting import augment, noise, of_tensorflow, tf

pytestmark = of_tensorflow


@pytest.mark.parametrize("channels", [1, 3])
def test_rand_augment_gives_each_image_operations_of_its_own(
    channels: int,
) -> None:
    images = np.repeat(noise(1, 12, channels), 60, axis=0)
    augmented, labels = augment(
        images, np.arange(60), name="rand_augment", magnitude=0.7
    )
    np.testing.assert_array_equal(labels, np.arange(60))
    assert augmented.shape == images.shape
    assert augmented.min() >= 0 and augmented.max() <= 255
    distinct = {image.tobytes() for image in augmented}
    # Two operations of 14 with strengths: few images are equal.
    assert len(distinct) > 45


def test_rand_augment_does_as_many_operations_as_asked() -> None:
    images = np.repeat(noise(1, 12), 120, axis=0)

    def untouched(operations: int) -> float:
        augmented, _ = augment(
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
    found = keys.map(
        lambda n: operation(tf.constant(image), TensorKey.from_seed(n))
    )
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
    image = noise(1, 12)[0] / 2 + 64  # room to move without clipping
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
