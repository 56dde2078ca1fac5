"""Data sets of TensorFlow Datasets made up, where no download is possible."""

import json
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

COUNT = 12


def mocked_tfds(
    folder: Path, count: int = COUNT
) -> AbstractContextManager[object]:
    """While it lasts, sets have so many random examples in each split."""
    import tensorflow_datasets as tfds

    # The metadata that a download would have left: the code of a data set
    # does not know its splits.
    for name, version, splits in (
        ("cifar100", "3.0.2", ("train", "test")),
        ("imagenet2012", "5.1.0", ("train", "validation")),
        ("tf_flowers", "3.0.1", ("train",)),
        ("coco", "1.1.0", ("train", "test")),
    ):
        metadata = folder / name / version
        metadata.mkdir(parents=True)
        info = {
            "name": name,
            "version": version,
            "fileFormat": "tfrecord",
            "splits": [
                {"name": s, "shardLengths": [str(count)], "numBytes": "1"}
                for s in splits
            ],
        }
        (metadata / "dataset_info.json").write_text(json.dumps(info))
    return tfds.testing.mock_data(num_examples=count, data_dir=str(folder))


def write_imagenet_records(count: int = COUNT) -> None:
    """Files as tfds would have written them: flat colours in a white frame.

    Example `n` of each split is of class `n` and of colour `20 * n`.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    info = tfds.builder("imagenet2012").info
    for split in ("train", "validation"):
        (path,) = info.splits[split].filepaths
        with tf.io.TFRecordWriter(str(path)) as file:
            for number in range(count):
                image = np.full((40 + number, 60, 3), 20 * number, np.uint8)
                image[:, :2] = 255  # outside the centre
                example = {"image": image, "label": number}
                example["file_name"] = "a.JPEG"
                file.write(info.features.serialize_example(example))
