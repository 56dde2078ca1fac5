"""MixUp and CutMix: images and labels in the same share."""

import numpy as np
import pytest

from tests.data.tensorflow.augmenting import augment, numbered, of_tensorflow

pytestmark = of_tensorflow


def test_mixup_blends_images_and_labels_in_the_same_share() -> None:
    images, labels = numbered(200)
    mixed, rows = augment(images, labels, name="mixup", probability=1.0)
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
    images, labels = numbered(200)
    options = {"name": "mixup", "probability": 1.0}
    _, rows = augment(images, labels, alpha=0.01, **options)
    kept = np.diagonal(rows)
    assert np.isfinite(rows).all()
    assert np.mean((kept < 0.01) | (kept > 0.99)) > 0.9
    _, rows = augment(images, labels, alpha=1000.0, **options)
    assert np.abs(np.diagonal(rows) - 0.5).max() < 0.05


def test_cutmix_label_is_the_share_of_the_pixels_that_came() -> None:
    images, labels = numbered(200)
    mixed, rows = augment(images, labels, name="cutmix", probability=1.0)
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
    images, labels = numbered(400)
    mixed, rows = augment(images, labels, name=name, probability=0.25)
    changed = np.diagonal(rows) < 1
    # 0.065 is three standard errors; a cut may miss every pixel.
    assert abs(changed.mean() - 0.25) < 0.065
    np.testing.assert_array_equal(mixed[~changed], images[~changed])
