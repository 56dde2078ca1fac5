"""Images of a data set in one file, for whoever has only a model."""

from pathlib import Path

import numpy as np

from atsc_keras.data.dataset import Dataset

SAMPLES = "samples.npz"  # in the folder of a run
_CALIBRATION = 200
_TEST = 500


def write_samples(path: Path, dataset: Dataset) -> None:
    """Write what an export calibrates by and compares on.

    Args:
        path: of an npz file: `x_train`, 200 training images; `x_test` and
            `y_test`, 500 test images with labels; fewer where there are not
            as many, in a fixed random order, uint8.
        dataset: whose images.
    """
    train, _ = dataset.train.sample(_CALIBRATION)
    test, labels = dataset.test.sample(_TEST)

    with open(path, "wb") as file:
        np.savez_compressed(file, x_train=train, x_test=test, y_test=labels)
