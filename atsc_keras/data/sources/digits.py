"""Scikit-learn's handwritten digits: real, small, and always there."""

from atsc_keras.config import DataConfig
from atsc_keras.data.assembly import dataset_from_arrays
from atsc_keras.data.dataset import Dataset

_BRIGHTEST = 16
_TRAINING = 1437  # images; of the test 360
_TEST_SHARE = 0.2
# The split is part of the data, not of an experiment: no config changes it.
_SPLIT_SEED = 0


def look(config: DataConfig) -> int | None:
    """Count the training images."""
    return _TRAINING


def load(config: DataConfig) -> Dataset:
    """Load the 1,797 digits, 8x8 and grey: 1,437 to train, 360 to test.

    Args:
        config: the image size.

    Returns:
        The data set; the share of each class is the same in both splits.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    pixels = (digits.images * (255 / _BRIGHTEST)).round().astype("uint8")
    x_train, x_test, y_train, y_test = train_test_split(
        pixels,
        digits.target,
        test_size=_TEST_SHARE,
        stratify=digits.target,
        random_state=_SPLIT_SEED,
    )
    return dataset_from_arrays((x_train, y_train), (x_test, y_test), config)
