"""A data set as the rest of the package sees it."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.checks import check_labels, check_pixels
from atsc_keras.data.numbering import number_classes
from atsc_keras.errors import InputError

if TYPE_CHECKING:
    from atsc_keras.data.tensorflow.randomness import TensorKey
    from atsc_keras.data.tensorflow.streams import Stream

# Enough for two digits of mean and std without reading all of ImageNet.
_STREAMED_IMAGES_FOR_STATISTICS = 4096
_IMAGES_AT_A_TIME = 4096
_DIGEST_LENGTH = 16


@dataclass(frozen=True, eq=False)
class Split:
    """Images with labels, in memory or streamed.

    Attributes:
        name: `train` or `test`.
        images: uint8 (N, H, W, C), or None where streamed.
        labels: int64 (N,), or None where streamed.
        stream: reads the examples where they do not fit in memory.
    """

    name: str
    images: NDArray[np.uint8] | None = None
    labels: NDArray[np.int64] | None = None
    stream: "Stream | None" = None

    def __len__(self) -> int:
        """Count the examples."""
        if self.stream is not None:
            return len(self.stream)
        return 0 if self.labels is None else len(self.labels)

    @property
    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images and labels in memory.

        Raises:
            ValueError: if there are none.
        """
        if self.images is None or self.labels is None:
            raise ValueError(
                "A split must have images and labels, or a stream. "
                f"Received: Split(name={self.name!r}) without them. "
                "Make it with `load_dataset`."
            )
        return self.images, self.labels

    def count_labels(self, classes: int) -> NDArray[np.int64]:
        """Count the examples of each class.

        Args:
            classes: number of classes.

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

    def content(self) -> Iterator[Any]:
        """Give bytes that tell this split from others; see `Dataset.digest`."""
        if self.stream is not None:
            yield from self.stream.content()
            return
        for array in self.arrays:
            yield f"{array.shape} {array.dtype}".encode()
            yield np.ascontiguousarray(array).data

    def first(self, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Read the first examples, in the order of the files.

        Args:
            count: how many; fewer come back where the split is smaller.

        Returns:
            uint8 images (count, H, W, C) and int64 labels (count,).
        """
        if self.stream is None:
            images, labels = self.arrays
            return images[:count], labels[:count]
        return _take(self.stream, None, count)

    def sample(self, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Read examples in a fixed random order: a folder is sorted by class.

        Args:
            count: how many; fewer come back where the split is smaller.

        Returns:
            uint8 images (count, H, W, C) and int64 labels (count,).
        """
        if self.stream is None:
            images, labels = self.arrays
            chosen = np.random.default_rng(0).permutation(len(images))[:count]
            return images[chosen], labels[chosen]
        from atsc_keras.data.tensorflow.randomness import TensorKey

        return _take(self.stream, TensorKey.from_seed(0), count)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images of the same classes and the same size.

    Attributes:
        train: the training split.
        test: the test split.
        class_names: a name for each label, from 0.
        image_shape: (height, width, channels).
        given_mean: `mean` of the config, or None.
        given_std: `std` of the config, or None.

    Example:
        >>> dataset = load_dataset(DataConfig(source="digits"))
        >>> dataset.image_shape, len(dataset.class_names)
        ((8, 8, 1), 10)
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    given_mean: tuple[float, ...] | None = None
    given_std: tuple[float, ...] | None = None

    @classmethod
    def from_arrays(
        cls,
        x_train: Any,
        y_train: Any,
        x_test: Any,
        y_test: Any,
        class_names: Sequence[str] | None = None,
        layout: Literal["channels_last", "channels_first"] | None = None,
    ) -> "Dataset":
        """Make a data set of numpy arrays.

        Args:
            x_train: whole numbers 0 .. 255, (N, H, W) or (N, H, W, C).
            y_train: class numbers from 0, or names of classes, (N,).
            x_test: likewise, of the same size and channels.
            y_test: likewise.
            class_names: a name for each class; default: the labels.
            layout: `channels_first` of (N, C, H, W), which are then moved to
                the end; default: `channels_last`, and a shape that looks like
                the other is refused.

        Raises:
            InputError: if the arrays are no images with labels, or do not fit
                together.
        """
        parts = []
        for name, x, y in (
            ("train", x_train, y_train),
            ("test", x_test, y_test),
        ):
            pixels = check_pixels(np.asarray(x), f"x_{name}", layout)
            labels = check_labels(np.asarray(y), len(pixels), f"y_{name}")
            parts.append((pixels, labels))
        (x_train, y_train), (x_test, y_test) = parts
        shapes = [pixels.shape[1:] for pixels, _ in parts]
        if shapes[0] != shapes[1]:
            raise InputError(
                "Training and test images must have the same size and "
                f"channels. Received: {shapes[0]} for training, {shapes[1]} "
                "for testing. Resize them first."
            )
        y_train, y_test, names = number_classes(
            y_train,
            y_test,
            None if class_names is None else tuple(class_names),
            "the arrays",
        )
        height, width, channels = shapes[0]
        return cls(
            Split("train", x_train, y_train),
            Split("test", x_test, y_test),
            names,
            (height, width, channels),
        )

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each channel in pixel units [0, 255].

        As given in the config, or of the training images; of streamed images,
        the first 4,096 in a fixed random order.
        """
        return self.given_mean or self._statistics[0]

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of each channel, like `mean`.

        1 for a channel that never changes: it must be possible to divide.
        """
        return self.given_std or self._statistics[1]

    @cached_property
    def digest(self) -> str:
        """What is learnt from and tested on, as a name, wherever it lies.

        16 hexadecimal digits of the SHA-256 of all shapes, pixels and labels;
        of files that are read anew each epoch, of their names and sizes, and
        the content of a fixed sample.
        """
        found = hashlib.sha256()
        for split in (self.train, self.test):
            found.update(f"{split.name} {len(split)}".encode())
            for part in split.content():
                found.update(part)
        return found.hexdigest()[:_DIGEST_LENGTH]

    @cached_property
    def _statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        with self.naming_broken_files():
            return _channel_statistics(_sample(self.train))

    @contextmanager
    def naming_broken_files(self) -> Iterator[None]:
        """Let no error of tf.data hide which file could not be read.

        Raises:
            InputError: if a streamed image was broken.
        """
        try:
            yield
        except Exception as error:
            if not _is_of_tensorflow(error):
                raise
            for split in (self.train, self.test):
                if split.stream is not None and split.stream.failure:
                    raise split.stream.failure from None
            raise


def _take(
    stream: "Stream", key: "TensorKey | None", count: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the first examples of a stream in the order of a key."""
    taken = stream.examples(key).take(count)
    pixels, numbers = zip(*taken.as_numpy_iterator(), strict=True)
    return np.stack(pixels), np.array(numbers, "int64")


def _is_of_tensorflow(error: Exception) -> bool:
    loaded = sys.modules.get("tensorflow")
    return loaded is not None and isinstance(error, loaded.errors.OpError)


def _sample(split: Split) -> NDArray[np.uint8]:
    if split.images is not None:
        return split.images
    return split.sample(_STREAMED_IMAGES_FOR_STATISTICS)[0]


def _channel_statistics(
    images: NDArray[np.uint8],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    channels = images.shape[-1]
    total = np.zeros(channels, "uint64")
    squares = np.zeros(channels, "uint64")
    # Integer sums are exact; a part at a time, for their size in memory.
    for start in range(0, len(images), _IMAGES_AT_A_TIME):
        part = images[start : start + _IMAGES_AT_A_TIME].astype("uint32")
        total += part.sum(axis=(0, 1, 2), dtype="uint64")
        squares += (part * part).sum(axis=(0, 1, 2), dtype="uint64")
    count = images.size // channels
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean * mean, 0))
    std = np.where(std > 0, std, 1.0)
    return tuple(mean.tolist()), tuple(std.tolist())
