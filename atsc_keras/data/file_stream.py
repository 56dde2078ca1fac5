"""Image files, read each time they are used."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.image_file import ImageReader
from atsc_keras.data.randomness import draw_permutation
from atsc_keras.data.tensorflow_import import import_tensorflow
from atsc_keras.errors import InputError
from atsc_keras.types import Tensor


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
        paths: Sequence[Path],
        labels: NDArray[np.int64],
        read: ImageReader,
        image_shape: tuple[int, int, int],
    ) -> None:
        self._paths = [str(path) for path in paths]
        self._labels = labels
        self._read = read
        self._image_shape = image_shape
        self.failure: InputError | None = None

    def __len__(self) -> int:
        """Counts the examples."""
        return len(self._paths)

    def examples(self, key: Tensor | None) -> Any:
        """Reads every image once; see `Stream.examples`."""
        tf = import_tensorflow()
        # Outside the graph of an epoch, which only refers to them.
        with tf.init_scope(), tf.device("CPU:0"):
            paths = tf.constant(self._paths)
            labels = tf.constant(self._labels)
        order = tf.range(len(self), dtype="int64")
        if key is not None:
            order = draw_permutation(len(self), key)

        def decode(place: Tensor) -> tuple[Tensor, Tensor]:
            image = tf.numpy_function(
                self._read_noting_failure, [paths[place]], tf.uint8
            )
            return tf.ensure_shape(image, self._image_shape), labels[place]

        return tf.data.Dataset.from_tensor_slices(order).map(
            decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )

    def _read_noting_failure(self, path: bytes) -> NDArray[np.uint8]:
        # In Python, so that the message names the file that is broken; kept,
        # because tf.data buries it in one of its own.
        try:
            return self._read(path.decode())
        except InputError as error:
            self.failure = error
            raise
