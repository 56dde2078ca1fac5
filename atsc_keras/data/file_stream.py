"""Image files, read each time they are used."""

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.cropping import RandomWindow, decode_and_crop
from atsc_keras.data.randomness import draw_permutation
from atsc_keras.data.tensorflow_import import import_tensorflow
from atsc_keras.errors import InputError
from atsc_keras.files.pictures import ImageReader, read_encoded
from atsc_keras.types import Tensor

# More than tf.data reads ahead: the broken one is among them.
_REMEMBERED_PATHS = 4096


class FileStream:
    """A `Stream` over image files.

    Args:
        paths: The files.
        labels: int64 (N,).
        read: Decodes a file.
        image_shape: (height, width, channels) of what `read` gives.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        labels: NDArray[np.int64],
        read: ImageReader,
        image_shape: tuple[int, int, int],
    ) -> None:
        self._paths = [str(path) for path in paths]
        self._labels = labels
        self._read = read
        self._image_shape = image_shape
        self._failure: InputError | None = None
        self._read_lately: deque[bytes] = deque(maxlen=_REMEMBERED_PATHS)

    @property
    def failure(self) -> InputError | None:
        """Says what was wrong with a file, or None.

        TensorFlow, which decodes windows, does not say which file was broken:
        those read lately are tried again.
        """
        while self._failure is None and self._read_lately:
            try:
                self._read(self._read_lately.popleft().decode())
            except InputError as error:
                self._failure = error
        return self._failure

    def __len__(self) -> int:
        """Counts the examples."""
        return len(self._paths)

    def labels(self) -> NDArray[np.int64]:
        """Gives every label."""
        return self._labels

    def examples(
        self,
        key: Tensor | None,
        window: RandomWindow | None = None,
        skipped: Tensor | int = 0,
    ) -> Any:
        """Reads every image once; see `Stream.examples`."""
        tf = import_tensorflow()
        # Outside the graph of an epoch, which only refers to them.
        with tf.init_scope(), tf.device("CPU:0"):
            paths = tf.constant(self._paths)
            labels = tf.constant(self._labels)
        order = tf.range(len(self), dtype="int64")
        if key is not None:
            order = draw_permutation(len(self), key)

        def decode(number: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
            path = paths[place]
            if window is not None:
                return self._window(path, window.of(number)), labels[place]
            image = tf.numpy_function(
                self._read_noting_failure, [path], tf.uint8
            )
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
        tf = import_tensorflow()
        contents = tf.numpy_function(self._read_noting_path, [path], tf.string)
        contents = tf.ensure_shape(contents, ())
        height, width, channels = self._image_shape
        return decode_and_crop(contents, channels, (height, width), window)

    def _read_noting_path(self, path: bytes) -> bytes:
        self._read_lately.append(path)
        return read_encoded(Path(path.decode()))

    def _read_noting_failure(self, path: bytes) -> NDArray[np.uint8]:
        # In Python, so that the message names the file that is broken; kept,
        # because tf.data buries it in one of its own.
        try:
            return self._read(path.decode())
        except InputError as error:
            self._failure = error
            raise
