"""Any classification set of TensorFlow Datasets, by name."""

import difflib
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from numpy.typing import NDArray

from atsc_keras.config import DataConfig
from atsc_keras.data.assembly import dataset_from_arrays, refuse_to_choose
from atsc_keras.data.dataset import Dataset, Split
from atsc_keras.data.sources.common import fits_in_memory
from atsc_keras.data.tensorflow import tf
from atsc_keras.data.tensorflow.cropping import (
    RandomWindow,
    decode_and_crop,
    frame_pixels,
)
from atsc_keras.data.tensorflow.streams import RecordStream
from atsc_keras.errors import InputError
from atsc_keras.files.class_names import check_class_names
from atsc_keras.types import Tensor

_EXAMPLES_AT_A_TIME = 256


def load(config: DataConfig) -> Dataset:
    """Load a set, downloading it on first use.

    Args:
        config: the name, the data_dir and the image size.

    Returns:
        The data set; tested on `test`, or on `validation` where there is no
        test split or its labels are withheld.

    Raises:
        InputError: if there is no such set, it cannot be had, or it is not of
            images with one label.
    """
    builder = _builder(config)
    _prepare(builder, config)
    reader = _Reader(builder, config)
    names = _split_names(builder, reader, config)
    sizes = {n: builder.info.splits[s].num_examples for n, s in names.items()}
    if reader.can_hold(sum(sizes.values())):
        train, test = (
            reader.read_all(split, name) for name, split in names.items()
        )
        return dataset_from_arrays(
            train, test, reader.still_to_do, class_names=reader.class_names
        )
    refuse_to_choose(config, f"{config.name!r} which is read from its files")
    splits = [
        Split(name, stream=reader.stream(split, name))
        for name, split in names.items()
    ]
    return Dataset(
        train=splits[0],
        test=splits[1],
        class_names=reader.class_names,
        image_shape=reader.image_shape,
        given_mean=config.mean,
        given_std=config.std,
    )


def _builder(config: DataConfig) -> Any:
    try:
        return tfds.builder(config.name, data_dir=config.path)
    except ValueError as error:
        known = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(str(config.name), known, n=1)
        way_out = f"Did you mean {near[0]!r}?" if near else "See tfds' catalog."
        raise InputError(
            "`data.name` must be a data set of TensorFlow Datasets, or one "
            f"prepared in data_dir. Received: name={config.name!r}, "
            f"path={config.path!r}. {way_out}"
        ) from error


def _prepare(builder: Any, config: DataConfig) -> None:
    try:
        builder.download_and_prepare()
    # tfds passes on whatever its downloaders, checksums and parsers raise.
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(
            "The data set must be prepared or possible to download. "
            f"Received: name={config.name!r}, data_dir={builder.data_dir}: "
            f"{reason}. Copy a prepared set into a folder and give it as "
            "`data.path`; sets with a manual download say on their page in "
            "tfds' catalog which file belongs into downloads/manual."
        ) from error
    file_format = builder.info.file_format.value
    if file_format != "tfrecord":
        # tfds itself gives no tf.data for array_record.
        raise InputError(
            "A data set must be stored as tfrecord. "
            f"Received: {builder.data_dir}, stored as {file_format}. "
            "Prepare it with file_format='tfrecord' in another data_dir."
        )


def _split_names(
    builder: Any, reader: "_Reader", config: DataConfig
) -> dict[str, str]:
    there = list(builder.info.splits)
    # ImageNet has a test split whose labels are all -1.
    test = [
        name
        for name in ("test", "validation")
        if name in there and reader.is_labelled(name)
    ]
    if "train" not in there or not test:
        raise InputError(
            "A tfds data set must have a labelled split train, and test or "
            f"validation. Received: name={config.name!r} with "
            f"{', '.join(there) or 'no splits'}. Use another data set."
        )
    return {"train": "train", "test": test[0]}


class _Reader:
    """Images and labels out of the features of a builder."""

    def __init__(self, builder: Any, config: DataConfig) -> None:
        self._builder = builder
        self._config = config
        self._image, self._label = _keys(builder, config)
        features = builder.info.features
        self.class_names = tuple(features[self._label].names)
        check_class_names(
            self.class_names, f"{config.name!r}", "Correct label.labels.txt."
        )
        stored = height, width, channels = features[self._image].shape
        self._stored_shape = None if None in stored else stored
        if config.image_size is not None:
            height = width = config.image_size
        if None in (height, width, channels):
            raise InputError(
                "`image_size` is required for a data set whose images differ "
                f"in size. Received: image_size=null, name={config.name!r} "
                f"with images of {features[self._image].shape}. "
                "Set `data.image_size`, for example to 224."
            )
        self.image_shape: tuple[int, int, int] = (height, width, channels)

    def is_labelled(self, split: str) -> bool:
        """Tell whether the first example of a split has a label."""
        examples = self._builder.as_dataset(split=split, shuffle_files=False)
        return all(int(e[self._label]) >= 0 for e in examples.take(1))

    def can_hold(self, count: int) -> bool:
        """Tell whether images are to be held as arrays."""
        if self._stored_shape is None and self._config.crop_area is not None:
            # Random windows are cut out of the images as they are stored.
            return False
        shape = self._stored_shape or self.image_shape
        return fits_in_memory(count, shape)

    @property
    def still_to_do(self) -> DataConfig:
        """What is to be done with the arrays of `read_all`."""
        if self._stored_shape is not None:
            return self._config
        return self._config.model_copy(update={"evaluation_resize": None})

    def read_all(
        self, split: str, name: str
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Decode a split into arrays, resized where sizes differ."""

        def pair(example: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            image = example[self._image]
            if self._stored_shape is None:
                image = self._framed(image, name)
            return image, self._number(example)

        examples = self._builder.as_dataset(split=split, shuffle_files=False)
        decoded = examples.map(
            pair, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        parts = list(decoded.batch(_EXAMPLES_AT_A_TIME).as_numpy_iterator())
        images, labels = zip(*parts, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def stream(self, split: str, name: str) -> RecordStream:
        """Read a split from its files whenever it is used."""
        info = self._builder.info
        encoded = {self._image: tfds.decode.SkipDecoding()}

        def decode(
            record: Tensor, window: RandomWindow | None
        ) -> tuple[Tensor, Tensor]:
            if window is None:
                example = info.features.deserialize_example(record)
                image = self._framed(example[self._image], name)
                return image, self._number(example)
            example = info.features.deserialize_example(
                record, decoders=encoded
            )
            height, width, channels = self.image_shape
            image = decode_and_crop(
                example[self._image], channels, (height, width), window
            )
            return image, self._number(example)

        def decode_label(record: Tensor) -> Tensor:
            return self._number(
                info.features.deserialize_example(record, decoders=encoded)
            )

        return RecordStream(
            info.splits[split].filepaths,
            info.splits[split].num_examples,
            decode,
            decode_label,
        )

    def _framed(self, image: Tensor, name: str) -> Tensor:
        short_side = self._config.evaluation_resize if name == "test" else None
        image = frame_pixels(image, self._config.image_size, short_side)
        return tf.ensure_shape(image, self.image_shape)

    def _number(self, example: dict[str, Tensor]) -> Tensor:
        return tf.cast(example[self._label], "int64")


def _keys(builder: Any, config: DataConfig) -> tuple[str, str]:
    features = builder.info.features
    images = [k for k, f in features.items() if type(f) is tfds.features.Image]
    labels = [
        k for k, f in features.items() if type(f) is tfds.features.ClassLabel
    ]
    supervised = builder.info.supervised_keys
    if supervised is not None:
        # The set says which ones, as where there are coarse labels as well.
        images = [k for k in images if k == supervised[0]]
        labels = [k for k in labels if k == supervised[-1]]
    images = [k for k in images if features[k].np_dtype == np.uint8]
    if len(images) == len(labels) == 1:
        return images[0], labels[0]
    raise InputError(
        "The data set must be of 8-bit images with one class label each. "
        f"Received: name={config.name!r} with the features "
        f"{', '.join(features)} and supervised_keys={supervised}. "
        "Use an image classification set."
    )
