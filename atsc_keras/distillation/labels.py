"""Labels, checked on the host before a step learns from them."""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from atsc_keras.errors import InputError

_SUM_TOLERANCE = 0.02  # rows of shares in bfloat16
_SPARSE = "sparse_categorical_crossentropy"
_ROWS = "categorical_crossentropy"
_ROW_LOSSES = (
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
)


class LabelCheck:
    """Checks the labels of a training, of arrays at once, of streams as read.

    Args:
        classes: how many the classifier tells apart.
        loss: the compiled one, which says what labels look like; one of the
            user's own is asked for numbers only.

    Attributes:
        error: what was found in a stream, whose reader may hide it.
        batch_size: of what was checked last.
    """

    def __init__(self, classes: int, loss: keras.losses.Loss) -> None:
        self.classes = classes
        self.loss = loss
        self.error: InputError | None = None
        self.batch_size: int | None = None

    def __call__(self, labels: Any) -> None:
        """Check the labels of a batch, or of all images.

        Args:
            labels: numbers `(B,)` or `(B, 1)`, or rows `(B, classes)`, as the
                loss wants them.

        Raises:
            InputError: if they are missing, no numbers, of another shape,
                between the classes or out of range.
        """
        try:
            self._check(labels)
        except InputError as error:
            self.error = error
            raise

    def _check(self, labels: Any) -> None:
        if labels is None:
            raise self._wrong("are missing", "Give (images, labels)")
        values = _on_the_host(labels)
        self.batch_size = len(values) if values.ndim else None
        if values.dtype.kind not in "biuf":
            example = values.reshape(-1)[:1].tolist()
            raise self._wrong(
                f"are {values.dtype}, such as {example}",
                f"Number the classes from 0 to {self.classes - 1}",
            )
        if isinstance(self.loss, keras.losses.SparseCategoricalCrossentropy):
            self._check_numbers(values)
        elif isinstance(self.loss, _ROW_LOSSES):
            self._check_rows(values)

    def _check_numbers(self, values: np.ndarray) -> None:
        if values.ndim == 2 and values.shape[1] == self.classes > 1:
            raise self._wrong(
                f"are one-hot rows of shape {values.shape}",
                f"Use loss={_ROWS!r}, or labels.argmax(axis=1)",
            )
        if values.ndim != 1 and (values.ndim != 2 or values.shape[1] != 1):
            raise self._wrong(
                f"have the shape {values.shape}", "Give one number an image"
            )
        flat = values.reshape(-1).astype("float64")
        with np.errstate(invalid="ignore"):
            wrong = ~((flat >= 0) & (flat < self.classes) & (flat % 1 == 0))
        ignored = self.loss.get_config().get("ignore_class")
        if ignored is not None:
            wrong &= flat != ignored
        if wrong.any():
            place = int(wrong.argmax())
            raise self._wrong(
                f"hold {values.reshape(-1)[place]} at place {place}"
                f" ({int(wrong.sum())} such of {len(flat)})",
                f"Number the {self.classes} classes from 0 to "
                f"{self.classes - 1}, and leave images without a label out",
            )

    def _check_rows(self, values: np.ndarray) -> None:
        if values.ndim != 2 or values.shape[1] != self.classes:
            raise self._wrong(
                f"have the shape {values.shape}, not (images, {self.classes})",
                f"Use loss={_SPARSE!r} for numbers, or "
                f"keras.utils.to_categorical(labels, {self.classes})",
            )
        values = values.astype("float64")
        sums = np.abs(values.sum(axis=1) - 1)
        right = (sums <= _SUM_TOLERANCE) & (values >= 0).all(axis=1)
        if not right.all():
            place = int((~right).argmax())
            raise self._wrong(
                f"hold the row {values[place].tolist()} at place {place}",
                "Each row must be shares of the classes that sum to 1",
            )

    def _wrong(self, what: str, way_out: str) -> InputError:
        return InputError(
            f"Labels must be classes of the classifier, {self.classes} of "
            f"them, in the form that the loss takes. Received: labels that "
            f"{what}, loss={getattr(self.loss, 'name', self.loss)}. {way_out}."
        )

    # === Streams ===

    def watch(self, x: Any, y: Any) -> Any:
        """Check arrays, or make a stream check each batch before it is used.

        Args:
            x: as `keras.Model.fit` takes it: arrays, a `tf.data.Dataset`, a
                `PyDataset`, a PyTorch `DataLoader`, a grain data set or a
                generator. A `DataLoader` of grain and a distributed data set
                cannot be changed: their labels are not checked.
            y: likewise; None for streams.

        Returns:
            What takes the place of `x`.

        Raises:
            InputError: for the labels of arrays.
        """
        if isinstance(x, keras.utils.PyDataset):
            return _CheckedBatches(x, self._of_batch)
        if _has_base(x, "tensorflow", ("DistributedDatasetInterface",)):
            return x
        if hasattr(x, "element_spec"):
            # TensorFlow is loaded: somebody has made this.
            from atsc_keras.backend.tensorflow import check_elements

            return check_elements(x, _labels_of(x.element_spec), self)
        if hasattr(x, "collate_fn"):
            watched = copy.copy(x)
            watched.collate_fn = _Collate(x.collate_fn, self._of_batch)
            return watched
        if _has_base(x, "grain", ("MapDataset", "IterDataset")):
            return x.map(self._of_batch)
        if isinstance(x, Iterator):
            return self._checked(x)
        if not _has_base(x, "grain", ("DataLoader",)):
            self(y)
        return x

    def watch_validation(self, validation: Any) -> Any:
        """Have the labels of validation data checked too, if there are any."""
        if not isinstance(validation, list | tuple):
            return (
                validation
                if validation is None
                else self.watch(validation, None)
            )
        x, y, _ = keras.utils.unpack_x_y_sample_weight(tuple(validation))
        self.watch(x, y)
        return validation

    def _checked(self, batches: Iterator[Any]) -> Iterator[Any]:
        # A generator: Keras takes no other iterator.
        for batch in batches:
            yield self._of_batch(batch)

    def _of_batch(self, batch: Any) -> Any:
        self(_labels_of(batch))
        return batch


def _has_base(x: Any, package: str, names: tuple[str, ...]) -> bool:
    """Tell whether an object's class is of a package that may not be there."""
    return any(
        base.__name__ in names and base.__module__.startswith(package)
        for base in type(x).__mro__
    )


def _labels_of(batch: Any) -> Any:
    return batch[1] if isinstance(batch, list | tuple) and batch[1:] else None


def _on_the_host(labels: Any) -> np.ndarray:
    if keras.ops.is_tensor(labels):
        if keras.backend.standardize_dtype(labels.dtype) == "bfloat16":
            labels = keras.ops.cast(labels, "float32")
        return keras.ops.convert_to_numpy(labels)
    return np.asarray(labels)


class _CheckedBatches(keras.utils.PyDataset):
    """Another PyDataset, its batches checked where they are made."""

    def __init__(
        self, batches: keras.utils.PyDataset, check: Callable[[Any], Any]
    ) -> None:
        super().__init__(
            workers=batches.workers,
            use_multiprocessing=batches.use_multiprocessing,
            max_queue_size=batches.max_queue_size,
        )
        self._batches = batches
        self._check = check

    @property
    def num_batches(self) -> int | None:
        return self._batches.num_batches

    def __getitem__(self, index: int) -> Any:
        return self._check(self._batches[index])

    def on_epoch_begin(self) -> None:
        self._batches.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._batches.on_epoch_end()


class _Collate:
    """What makes a batch of single images, and a check of it."""

    def __init__(
        self, collate: Callable[[Iterable[Any]], Any], check: Callable
    ) -> None:
        self.collate = collate
        self.check = check

    def __call__(self, images: Iterable[Any]) -> Any:
        return self.check(self.collate(images))
