"""The first training batches of a pipeline."""

import numpy as np

from atsc_keras.config import DataConfig
from atsc_keras.data import build_pipeline
from atsc_keras.data.dataset import Dataset


def first_batches(
    dataset: Dataset,
    config: DataConfig,
    count: int,
    seed: int = 1,
    epoch: int = 0,
    step: int = 0,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels of `count` batches from a step of an epoch on."""
    pipeline = build_pipeline(
        dataset,
        "train",
        config,
        training=True,
        seed=seed,
        initial_epoch=epoch,
        initial_step=step,
    )
    return list(pipeline.batches.take(count).as_numpy_iterator())
