"""The rows of each batch that one of several processes works on."""

from typing import Any

import keras


def rows_of_part(batches: Any, index: int, count: int) -> Any:
    """Cuts every batch into equal parts and keeps one.

    Args:
        batches: As `build_pipeline` makes them.
        index: Of the part, from 0.
        count: Of the parts; divides the size of every batch.
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
