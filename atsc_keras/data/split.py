"""The training or the test part of a data set."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from atsc_keras.data.tensorflow.streams import Stream


@dataclass(frozen=True, eq=False)
class Split:
    """Images with labels, in memory or streamed.

    Attributes:
        name: `train` or `test`.
        images: uint8 (N, H, W, C), or None where streamed.
        labels: int64 (N,), or None where streamed.
        stream: Reads the examples where they do not fit in memory.
    """

    name: str
    images: NDArray[np.uint8] | None = None
    labels: NDArray[np.int64] | None = None
    stream: "Stream | None" = None

    def __len__(self) -> int:
        """Counts the examples."""
        if self.stream is not None:
            return len(self.stream)
        return 0 if self.labels is None else len(self.labels)

    @property
    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images and labels in memory.

        Raises:
            ValueError: There are none.
        """
        if self.images is None or self.labels is None:
            raise ValueError(
                "A split must have images and labels, or a stream. "
                f"Received: Split(name={self.name!r}) without them. "
                "Make it with `load_dataset`."
            )
        return self.images, self.labels

    def count_labels(self, classes: int) -> NDArray[np.int64]:
        """Counts the examples of each class.

        Args:
            classes: Number of classes.

        Returns:
            int64 (classes,).
        """
        labels = self.labels
        if self.stream is not None:
            labels = self.stream.labels()
        if labels is None:
            labels = np.zeros(0, np.int64)
        counts: NDArray[np.int64] = np.bincount(labels, minlength=classes)
        return counts

    def first(self, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Reads the first examples, in the order of the files.

        Args:
            count: How many; fewer come back where the split is smaller.

        Returns:
            uint8 images (count, H, W, C) and int64 labels (count,).
        """
        if self.stream is None:
            images, labels = self.arrays
            return images[:count], labels[:count]
        return _take(self.stream, None, count)

    def sample(self, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Reads examples in a fixed random order: a folder is sorted by class.

        Args:
            count: How many; fewer come back where the split is smaller.

        Returns:
            uint8 images (count, H, W, C) and int64 labels (count,).
        """
        if self.stream is None:
            images, labels = self.arrays
            chosen = np.random.default_rng(0).permutation(len(images))[:count]
            return images[chosen], labels[chosen]
        return _take(self.stream, np.zeros(2, "int64"), count)


def _take(
    stream: "Stream", seed: NDArray[np.int64] | None, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The first examples of a stream in the order that a seed gives it."""
    taken = stream.examples(seed).take(count)
    pixels, numbers = zip(*taken.as_numpy_iterator(), strict=True)
    return np.stack(pixels), np.array(numbers, "int64")
