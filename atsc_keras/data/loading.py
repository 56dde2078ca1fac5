"""A data section of a config -> a data set."""

import importlib

from atsc_keras.config import DataConfig
from atsc_keras.data.checks import check_channels
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.looking import check_path
from atsc_keras.data.pipeline import check_batch_size


def load_dataset(config: DataConfig) -> Dataset:
    """Load the data that a config asks for.

    What fits in memory (under 2 GiB decoded) is decoded once; larger sets are
    read again every epoch.

    Args:
        config: which data, and its image size.

    Returns:
        The data set, checked.

    Raises:
        InputError: if the data is missing, broken, or not what the config says.
    """
    check_path(config)
    # Each source needs libraries that the others do not.
    room = "tensorflow" if config.source == "tfds" else "sources"
    source = importlib.import_module(f"{__package__}.{room}.{config.source}")
    dataset: Dataset = source.load(config)
    channels = dataset.image_shape[2]
    check_channels(config.mean, "mean", channels)
    check_channels(config.std, "std", channels)
    check_batch_size(config.batch_size, dataset.train)
    return dataset
