"""What a config names under `augmentations`, on whole batches."""

from atsc_keras.config import AugmentationConfig
from atsc_keras.data.tensorflow.augmentations.base import Augmentation
from atsc_keras.data.tensorflow.augmentations.hiding import (
    grid_mask,
    random_erasing,
)
from atsc_keras.data.tensorflow.augmentations.mixing import cutmix, mixup
from atsc_keras.data.tensorflow.augmentations.rand_augment import rand_augment

_BUILDERS = {
    "rand_augment": rand_augment,
    "mixup": mixup,
    "cutmix": cutmix,
    "random_erasing": random_erasing,
    "grid_mask": grid_mask,
}


def build_augmentation(config: AugmentationConfig) -> Augmentation:
    """Make an augmentation.

    Args:
        config: its name and options.

    Returns:
        A function for a graph of tf.data, whichever backend trains: float32
        images (B, H, W, C) in [0, 255], labels and a key -> images and labels.
        Labels are float32 rows (B, classes) where it mixes them. What it does
        is a pure function of the key.
    """
    return _BUILDERS[config.name](config)
