"""With `augment_on: device` the same batches come another way."""

from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.config import DataConfig
from atsc_keras.data import Dataset, Split, build_pipeline, load_dataset
from atsc_keras.data.crop_and_flip import CropAndFlip, device_augmentation

BACKEND = keras.backend.backend()
COUNT = 10
# An uneven last batch; images that are not square.
HOST = DataConfig(batch_size=4, crop_padding=2)


def on_device(config: DataConfig) -> DataConfig:
    return config.model_copy(update={"augment_on": "device"})


@pytest.fixture
def dataset() -> Dataset:
    images = np.random.default_rng(0).integers(
        0, 256, (COUNT, 6, 4, 3), dtype=np.uint8
    )
    labels = np.arange(COUNT)
    return Dataset(
        train=Split("train", images, labels),
        test=Split("test", images[::-1], labels[::-1]),
        class_names=tuple("abcdefghij"),
        image_shape=(6, 4, 3),
    )


def batches(
    dataset: Dataset, config: DataConfig, count: int, **arguments: Any
) -> list[Any]:
    pipeline = build_pipeline(
        dataset, "train", config, training=True, **arguments
    )
    taken = islice(iter(pipeline.batches), count)
    return keras.tree.map_structure(np.asarray, list(taken))


def augmented(config: DataConfig, images: Any, training: bool = True) -> Any:
    layer = device_augmentation(config)
    assert layer is not None
    images = keras.tree.map_structure(keras.ops.convert_to_tensor, images)
    return keras.ops.convert_to_numpy(layer(images, training=training))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"crop_padding": 0},
        {"flip": False},
        {"crop_padding": 0, "flip": False},
        {"drop_remainder": True},
        {"crop_area": (0.3, 0.9), "image_size": 6},
    ],
)
def test_step_makes_the_images_that_the_host_makes(
    dataset: Dataset, changes: dict[str, Any]
) -> None:
    config = HOST.model_copy(update=changes)
    arguments = {"seed": 3, "initial_epoch": 1, "initial_step": 1}
    expected = batches(dataset, config, 7, **arguments)
    found = batches(dataset, on_device(config), 7, **arguments)
    for (inputs, labels), (images, same) in zip(found, expected, strict=True):
        assert [x.dtype for x in inputs] == [np.uint8, np.int32]
        np.testing.assert_array_equal(labels, same)
        assert labels.dtype == same.dtype
        made = augmented(on_device(config), inputs)
        assert made.dtype == np.float32
        np.testing.assert_array_equal(made, images)


def test_evaluation_takes_stored_pixels(dataset: Dataset) -> None:
    config = on_device(HOST)
    pipeline = build_pipeline(dataset, "test", config, training=False)
    found = list(pipeline.batches)
    assert len(found) == pipeline.steps == 3
    images = np.concatenate([np.asarray(x) for x, _ in found])
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, dataset.test.images)
    labels = np.concatenate([np.asarray(y) for _, y in found])
    np.testing.assert_array_equal(labels, dataset.test.labels)
    made = augmented(config, images)
    np.testing.assert_array_equal(made, dataset.test.images.astype("float32"))


def test_nothing_moves_outside_training(dataset: Dataset) -> None:
    ((inputs, _),) = batches(dataset, on_device(HOST), 1)
    made = augmented(on_device(HOST), inputs, training=False)
    np.testing.assert_array_equal(made, inputs[0].astype("float32"))


def test_layer_survives_saving(tmp_path: Path, dataset: Dataset) -> None:
    ((inputs, _),) = batches(dataset, on_device(HOST), 1)
    layer = CropAndFlip(2, name="window")
    again = CropAndFlip.from_config(layer.get_config())
    assert again.name == "window"
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(again(inputs, training=True)),
        augmented(on_device(HOST), inputs),
    )


@pytest.mark.skipif(BACKEND == "tensorflow", reason="tf.data makes all")
def test_images_in_memory_come_from_arrays(dataset: Dataset) -> None:
    pipeline = build_pipeline(dataset, "train", on_device(HOST), training=True)
    assert isinstance(pipeline.batches, keras.utils.PyDataset)
    assert pipeline.batches.num_batches is None


def test_streamed_images_come_the_same_way(tmp_path: Path) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for place in range(6):
            folder = tmp_path / part / f"class_{place % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{place}.png")
    config = DataConfig(
        source="folder", path=str(tmp_path), batch_size=4, crop_padding=1
    )
    dataset = load_dataset(config)
    expected = batches(dataset, config, 4)
    found = batches(dataset, on_device(config), 4)
    for (inputs, labels), (images, same) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(labels, same)
        made = augmented(on_device(config), inputs)
        np.testing.assert_array_equal(made, images)
