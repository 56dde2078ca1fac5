"""Images that do not fit in memory: read and decoded each time."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.tensorflow import tf
from atsc_keras.data.tensorflow.cropping import RandomWindow, draw_windows
from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.errors import InputError
from atsc_keras.files.pictures import ImageReader
from atsc_keras.types import Tensor

_FILES_AT_ONCE = 16
# Encoded images that are shuffled together: about 1 GB of ImageNet.
_WINDOW = 8192
_SAMPLED_FILES = 256
_SAMPLED_BYTES = 65536  # of each


def _content(paths: Sequence[bytes]) -> Iterator[bytes]:
    """Give names and sizes of files, and how some of them begin."""
    step = -(-len(paths) // _SAMPLED_FILES)
    for place, path in enumerate(paths):
        size = tf.io.gfile.stat(path).length  # of a bucket too
        yield os.path.basename(path) + f" {size}".encode()
        if place % step == 0:
            with tf.io.gfile.GFile(path, "rb") as file:
                yield file.read(_SAMPLED_BYTES)


class Stream(Protocol):
    """Examples that are read and decoded each time they are used.

    Attributes:
        failure: what was wrong with the last example that could not be read.
    """

    @property
    def failure(self) -> InputError | None:
        """What was wrong, or None."""

    def __len__(self) -> int:
        """Count the examples."""

    def labels(self) -> NDArray[np.int64]:
        """Read every label, int64 (N,), and no image."""

    def content(self) -> Iterator[bytes]:
        """Tell these examples from others: names, sizes, a fixed sample."""

    def examples(
        self,
        key: TensorKey | None,
        window: RandomWindow | None = None,
        skipped: Tensor | int = 0,
    ) -> Any:
        """Read every example once.

        Args:
            key: decides the order, a pure function of it; None = the order of
                the files.
            window: decides which window of each image is read, as different for
                each as its place in the order; None = the whole image, resized
                as the config says.
            skipped: examples at the beginning of the order that are left out.

        Returns:
            `tf.data.Dataset` of uint8 images (H, W, C) and int64 labels.
        """


class FileStream:
    """A `Stream` over image files.

    Args:
        paths: the files.
        labels: int64 (N,).
        read: decodes a file.
        image_shape: (height, width, channels) of what `read` gives.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        labels: NDArray[np.int64],
        read: ImageReader,
        image_shape: tuple[int, int, int],
    ) -> None:
        self._paths = [os.fsencode(path) for path in paths]
        self._labels = labels
        self._read = read
        self._image_shape = image_shape
        self._failure: InputError | None = None

    @property
    def failure(self) -> InputError | None:
        """What was wrong with a file, or None."""
        return self._failure

    def __len__(self) -> int:
        """Count the examples."""
        return len(self._paths)

    def labels(self) -> NDArray[np.int64]:
        """Give every label."""
        return self._labels

    def content(self) -> Iterator[bytes]:
        """Tell these files from others, labels included."""
        yield self._labels.tobytes()
        yield from _content(self._paths)

    def examples(
        self,
        key: TensorKey | None,
        window: RandomWindow | None = None,
        skipped: Tensor | int = 0,
    ) -> Any:
        """Read every image once; see `Stream.examples`."""
        # Outside the graph of an epoch, which only refers to them.
        with tf.init_scope(), tf.device("CPU:0"):
            paths = tf.constant(self._paths)
            labels = tf.constant(self._labels)
        order = tf.range(len(self), dtype="int64")
        if key is not None:
            order = key.permutation(len(self))

        def decode(number: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
            path = paths[place]
            if window is None:
                image = self._call(self._read, path)
            else:
                image = self._window(path, window.of(number))
            return tf.ensure_shape(image, self._image_shape), labels[place]

        return (
            tf.data.Dataset.from_tensor_slices(order)
            .enumerate()
            .skip(skipped)  # before they are read
            .map(
                decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
            )
        )

    def _window(self, path: Tensor, window: RandomWindow) -> Tensor:
        whole = self._call(self._read.whole, path)
        shape = tf.shape(whole)
        box = draw_windows(1, shape[0], shape[1], window)[0]
        return tf.numpy_function(
            self._read.window, [whole, box], tf.uint8, stateful=False
        )

    def _call(
        self, read: Callable[[str], NDArray[np.uint8]], path: Tensor
    ) -> Tensor:
        # In Python, so that the message names the file that is broken; kept,
        # because tf.data buries it in one of its own.
        def noting_failure(path: bytes) -> NDArray[np.uint8]:
            try:
                return read(os.fsdecode(path))
            except InputError as error:
                self._failure = error
                raise

        return tf.numpy_function(noting_failure, [path], tf.uint8)


class RecordStream:
    """A `Stream` over TFRecord files.

    The order is mixed in two steps: the files come in a drawn order, sixteen
    at once, and every 8,192 examples in a row are permuted. Unlike
    `Dataset.shuffle`, this is a pure function of the key: that one also looks
    at TensorFlow's global seed.

    Args:
        paths: the files.
        size: number of examples in them.
        decode: a serialized example, and the window to crop or None -> uint8
            image (H, W, C), int64 label.
        decode_label: a serialized example -> int64 label.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        size: int,
        decode: Callable[[Tensor, RandomWindow | None], tuple[Tensor, Tensor]],
        decode_label: Callable[[Tensor], Tensor],
    ) -> None:
        self._paths = [os.fsencode(path) for path in paths]
        self._size = size
        self._decode = decode
        self._decode_label = decode_label

    @property
    def failure(self) -> InputError | None:
        """None: tf.data's own errors say enough."""
        return None

    def __len__(self) -> int:
        """Count the examples."""
        return self._size

    def labels(self) -> NDArray[np.int64]:
        """Read every label from the files."""
        labels = tf.data.TFRecordDataset(self._paths).map(
            self._decode_label,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return np.fromiter(labels.as_numpy_iterator(), np.int64)

    def content(self) -> Iterator[bytes]:
        """Tell these files from others."""
        return _content(self._paths)

    def examples(
        self,
        key: TensorKey | None,
        window: RandomWindow | None = None,
        skipped: Tensor | int = 0,
    ) -> Any:
        """Read every example once; see `Stream.examples`."""
        # Outside the graph of an epoch, which only refers to it.
        with tf.init_scope(), tf.device("CPU:0"):
            paths = tf.constant(self._paths)
        if key is None:
            records = tf.data.TFRecordDataset(paths)
        else:
            records = self._shuffled(paths, key)

        def decode(number: Tensor, record: Tensor) -> tuple[Tensor, Tensor]:
            return self._decode(record, window and window.of(number))

        # Skipped before they are decoded.
        return (
            records.enumerate()
            .skip(skipped)
            .map(
                decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
            )
        )

    def _shuffled(self, paths: Tensor, key: TensorKey) -> Any:
        file_order = key.extend(0).permutation(len(self._paths))
        files = tf.data.Dataset.from_tensor_slices(tf.gather(paths, file_order))
        records = files.interleave(
            tf.data.TFRecordDataset,
            cycle_length=_FILES_AT_ONCE,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        window_key = key.extend(1)

        def permute(number: Tensor, window: Tensor) -> Tensor:
            order = window_key.extend(number).permutation(tf.size(window))
            return tf.gather(window, order)

        windows = records.batch(_WINDOW).enumerate().map(permute)
        # The next window fills while this one is used.
        return windows.prefetch(1).unbatch()
