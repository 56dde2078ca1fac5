"""Random erasing and grid mask: what is hidden, and how much."""

import numpy as np

from tests.data.tensorflow.augmenting import augment, noise, of_tensorflow

pytestmark = of_tensorflow


def test_random_erasing_replaces_one_rectangle_by_noise() -> None:
    images = np.full((300, 20, 20, 3), 1.5, np.float32)
    erased, labels = augment(
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
    images = noise(200, 40)
    masked, _ = augment(
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
    half, _ = augment(
        images, np.arange(200), name="grid_mask", ratio=(0.6, 0.6)
    )
    untouched = (half == images).all(axis=(1, 2, 3)).mean()
    assert abs(untouched - 0.5) < 0.11  # three standard errors
