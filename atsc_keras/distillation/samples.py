"""A few labelled images, to ask networks what they know of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import keras
import numpy as np

_IMAGES = 256  # enough for two digits, few beside an epoch
BATCH = 64


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled images in memory.

    Attributes:
        images: `(N, H, W, C)`.
        labels: class numbers, `(N,)`.
    """

    images: np.ndarray
    labels: np.ndarray


def read_sample(x: Any, y: Any, validation: Any) -> Sample | None:
    """Take some of what `fit` is given, without using anything up.

    Args:
        x: images of training; arrays count, streams have one reader.
        y: their labels.
        validation: as `fit` takes it; counts before `x`.

    Returns:
        Up to 256 validation images, else training images; None where neither
        can be read twice.
    """
    if isinstance(validation, list | tuple):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(tuple(validation))
    elif validation is not None:
        return _of_batches(validation)
    if y is None or not hasattr(x, "shape") or not hasattr(y, "shape"):
        return None
    step = max(1, len(x) // _IMAGES)
    return _sample([(x[::step][:_IMAGES], y[::step][:_IMAGES])])


def _of_batches(batches: Any) -> Sample | None:
    if isinstance(batches, keras.utils.PyDataset):
        if (count := batches.num_batches) is None:
            return None
        return _sample(_enough(batches[n] for n in range(count)))
    # A `tf.data.Dataset`, but none that is spread over devices.
    if hasattr(batches, "element_spec") and hasattr(batches, "take"):
        return _sample(_enough(iter(batches.take(_IMAGES))))
    return None


def _enough(batches: Iterator[Any]) -> list[tuple[Any, Any]]:
    taken: list[tuple[Any, Any]] = []
    count = 0
    for batch in islice(batches, _IMAGES):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        taken.append((x, y))
        count += len(y)
        if count >= _IMAGES:
            break
    return taken


def _sample(batches: list[tuple[Any, Any]]) -> Sample | None:
    if not batches:
        return None
    parts = [
        (keras.ops.convert_to_numpy(x), keras.ops.convert_to_numpy(y))
        for x, y in batches
    ]
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(axis=1)
    count = min(len(labels), _IMAGES)
    # Several devices can share these batches.
    for whole in (BATCH, 8):
        if count >= whole:
            count -= count % whole
            break
    labels = labels[:count].reshape(count, -1)[:, 0].astype("int64")
    return Sample(images[:count], labels) if count else None
