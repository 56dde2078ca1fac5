"""Batches of images in memory, made by numpy: TensorFlow is not needed.

Augmentation is left to `CropAndFlip` inside the step; what it is to do is
drawn here, as `tensorflow.batches` draws it.
"""

from functools import lru_cache
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from atsc_keras.config import DataConfig
from atsc_keras.data.crop_and_flip import draw_placements
from atsc_keras.data.dataset import Split
from atsc_keras.data.randomness import AUGMENTATION, ORDER, ArrayKey

Batch = tuple[Any, NDArray[np.int32]]


class ArrayTrainingBatches(keras.utils.PyDataset):
    """Endless training batches: number `i` is of epoch `i // steps`.

    Args:
        split: in memory.
        config: batch size, crop and flip.
        steps: batches an epoch.
        seed: decides order, crop and flip.
        start: epoch of the first batch, and its number in that epoch.
    """

    def __init__(
        self,
        split: Split,
        config: DataConfig,
        steps: int,
        seed: int,
        start: tuple[int, int],
    ) -> None:
        super().__init__()
        self._images, self._labels = split.arrays
        self._config = config
        self._steps = steps
        self._seed = seed
        self._first = start[0] * steps + start[1]
        self._order = lru_cache(maxsize=2)(self._draw_order)

    @property
    def num_batches(self) -> None:
        """Endless, as Keras has it said."""
        return None

    def __getitem__(self, index: int) -> Batch:
        """Make ((images, placements), labels)."""
        epoch, number = divmod(self._first + index, self._steps)
        size = self._config.batch_size
        chosen = self._order(epoch)[number * size : (number + 1) * size]
        key = ArrayKey.from_seed(self._seed, AUGMENTATION, epoch, number)
        placements = draw_placements(
            len(chosen),
            padding=self._config.crop_padding,
            flip=self._config.flip,
            key=key,
        )
        images = self._images[chosen], np.stack(placements, axis=1)
        return images, self._labels[chosen].astype(np.int32)

    def _draw_order(self, epoch: int) -> NDArray[np.int64]:
        key = ArrayKey.from_seed(self._seed, ORDER, epoch)
        return key.permutation(len(self._labels))


class ArrayBatches(keras.utils.PyDataset):
    """One pass over images in memory, in order, nothing random.

    Args:
        split: in memory.
        batch_size: images a batch; the last one may be smaller.
    """

    def __init__(self, split: Split, batch_size: int) -> None:
        super().__init__()
        self._images, self._labels = split.arrays
        self._batch_size = batch_size

    def __len__(self) -> int:
        """Count the batches."""
        return -(-len(self._labels) // self._batch_size)

    def __getitem__(self, index: int) -> Batch:
        """Make (images, labels)."""
        start = index * self._batch_size
        part = slice(start, start + self._batch_size)
        return self._images[part], self._labels[part].astype(np.int32)


def rows_of_part(batches: Any, index: int, count: int) -> Any:
    """Cut every batch into equal parts and keep one.

    Args:
        batches: as `build_pipeline` makes them.
        index: which part, from 0.
        count: how many parts; divides the size of every batch.
    """
    if isinstance(batches, keras.utils.PyDataset):
        return _Rows(batches, index, count)

    from atsc_keras.data.tensorflow import tf

    def cut(*batch: Any) -> Any:
        return _cut(batch, tf.shape(batch[-1])[0], index, count)

    return batches.map(cut)


def _cut(batch: Any, size: Any, index: int, count: int) -> Any:
    own = size // count
    return keras.tree.map_structure(
        lambda x: x[index * own : (index + 1) * own], batch
    )


class _Rows(keras.utils.PyDataset):
    """The same of batches of arrays."""

    def __init__(
        self, batches: keras.utils.PyDataset, index: int, count: int
    ) -> None:
        super().__init__()
        self._batches = batches
        self._part = index, count

    @property
    def num_batches(self) -> int | None:
        """As many as there are."""
        return self._batches.num_batches

    def __getitem__(self, number: int) -> Any:
        batch = self._batches[number]
        return _cut(batch, len(batch[-1]), *self._part)
