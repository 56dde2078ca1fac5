"""Record files of TensorFlow Datasets, read each time they are used."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.cropping import RandomWindow
from atsc_keras.data.randomness import draw_permutation, extend_key
from atsc_keras.data.tensorflow_import import import_tensorflow
from atsc_keras.errors import InputError
from atsc_keras.types import Tensor

_FILES_AT_ONCE = 16
# Encoded images that are shuffled together: about 1 GB of ImageNet.
_WINDOW = 8192


class RecordStream:
    """A `Stream` over TFRecord files.

    The order is mixed in two steps: the files come in a drawn order, sixteen
    at once, and every 8,192 examples in a row are permuted. Unlike
    `Dataset.shuffle`, this is a pure function of the key: that one also looks
    at TensorFlow's global seed.

    Args:
        paths: The files.
        size: Number of examples in them.
        decode: A serialized example, and the window to crop or None -> uint8
            image (H, W, C), int64 label.
        decode_label: A serialized example -> int64 label.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        size: int,
        decode: Callable[[Tensor, RandomWindow | None], tuple[Tensor, Tensor]],
        decode_label: Callable[[Tensor], Tensor],
    ) -> None:
        self._paths = [os.fspath(path) for path in paths]
        self._size = size
        self._decode = decode
        self._decode_label = decode_label

    @property
    def failure(self) -> InputError | None:
        """Says nothing: tf.data's own errors say enough."""
        return None

    def __len__(self) -> int:
        """Counts the examples."""
        return self._size

    def labels(self) -> NDArray[np.int64]:
        """Reads every label from the files."""
        tf = import_tensorflow()
        labels = tf.data.TFRecordDataset(self._paths).map(
            self._decode_label,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        return np.fromiter(labels.as_numpy_iterator(), np.int64)

    def examples(
        self,
        key: Tensor | None,
        window: RandomWindow | None = None,
        skipped: Tensor | int = 0,
    ) -> Any:
        """Reads every example once; see `Stream.examples`."""
        tf = import_tensorflow()
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

    def _shuffled(self, paths: Tensor, key: Tensor) -> Any:
        tf = import_tensorflow()
        file_order = draw_permutation(len(self._paths), extend_key(key, 0))
        files = tf.data.Dataset.from_tensor_slices(tf.gather(paths, file_order))
        records = files.interleave(
            tf.data.TFRecordDataset,
            cycle_length=_FILES_AT_ONCE,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        window_key = extend_key(key, 1)

        def permute(number: Tensor, window: Tensor) -> Tensor:
            order = draw_permutation(
                tf.size(window), extend_key(window_key, number)
            )
            return tf.gather(window, order)

        windows = records.batch(_WINDOW).enumerate().map(permute)
        # The next window fills while this one is used.
        return windows.prefetch(1).unbatch()
