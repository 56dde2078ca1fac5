"""TensorFlow Datasets, without a network."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from atsc_keras.config import DataConfig
from atsc_keras.data import build_pipeline, load_dataset
from atsc_keras.data.sources import common
from atsc_keras.data.tensorflow import streams
from atsc_keras.data.tensorflow.cropping import RandomWindow
from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.errors import InputError
from tests.data.batches import first_batches
from tests.mocked_tfds import COUNT, mocked_tfds, write_imagenet_records

tfds = pytest.importorskip("tensorflow_datasets")


# Of some classes there are no pictures.
pytestmark = pytest.mark.filterwarnings("ignore:.* no training image")


@pytest.fixture
def mocked(tmp_path: Path) -> Iterator[None]:
    with mocked_tfds(tmp_path):
        yield


def _config(name: str, **values: object) -> DataConfig:
    return DataConfig(source="tfds", name=name, batch_size=4, **values)


def _message(config: DataConfig) -> str:
    with pytest.raises(InputError) as caught:
        load_dataset(config)
    assert "Received: " in str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("mocked")
def test_classification_set_is_decoded_by_name() -> None:
    dataset = load_dataset(_config("cifar100"))
    assert dataset.image_shape == (32, 32, 3)
    assert dataset.train.images.shape == (COUNT, 32, 32, 3)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int64
    assert len(dataset.class_names) == 100


@pytest.mark.usefixtures("mocked")
def test_validation_serves_where_there_is_no_test_split() -> None:
    dataset = load_dataset(_config("imagenet2012", image_size=16))
    assert dataset.image_shape == (16, 16, 3)
    assert len(dataset.test) == COUNT


@pytest.mark.usefixtures("mocked")
def test_images_of_different_sizes_are_evaluated_on_their_centre() -> None:
    whole = load_dataset(_config("imagenet2012", image_size=16))
    centre = load_dataset(
        _config("imagenet2012", image_size=16, evaluation_resize=20)
    )
    np.testing.assert_array_equal(whole.train.images, centre.train.images)
    assert centre.test.images.shape == (COUNT, 16, 16, 3)
    assert not np.array_equal(whole.test.images, centre.test.images)


@pytest.mark.usefixtures("mocked")
def test_two_steps_of_imagenet_are_windows_and_centres() -> None:
    write_imagenet_records()
    config = _config(
        "imagenet2012",
        image_size=24,
        evaluation_resize=32,
        crop_area=(0.08, 1.0),
    )
    dataset = load_dataset(config)
    assert dataset.train.images is None
    assert len(dataset.class_names) == 1000
    counts = dataset.train.count_labels(1000)
    assert counts.tolist() == [1] * COUNT + [0] * (1000 - COUNT)
    train = build_pipeline(dataset, "train", config, training=True)
    for images, labels in train.batches.take(2).as_numpy_iterator():
        assert images.shape == (4, 24, 24, 3)
        centres = np.median(images, axis=(1, 2, 3))
        # JPEG keeps a flat colour to about a level.
        np.testing.assert_allclose(centres, 20 * labels, atol=2)
    test = build_pipeline(dataset, "test", config, training=False)
    assert test.steps == 3
    for images, labels in test.batches.take(2).as_numpy_iterator():
        expected = np.broadcast_to(
            20 * labels[:, None, None, None], (4, 24, 24, 3)
        )
        np.testing.assert_allclose(images, expected, atol=2)


@pytest.mark.usefixtures("mocked")
def test_set_that_does_not_fit_is_refused() -> None:
    assert "`image_size` is required" in _message(_config("imagenet2012"))
    message = _message(_config("tf_flowers", image_size=16))
    assert "with train. Use another" in message
    assert "one class label each" in _message(_config("coco", image_size=16))


def test_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    message = _message(_config("cifar1000", path=str(tmp_path)))
    assert "name='cifar1000'" in message
    assert "Did you mean 'cifar100'?" in message


def test_set_that_cannot_be_downloaded_says_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host\nmore")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    message = _message(_config("mnist", path=str(tmp_path)))
    assert "no route to host." in message
    assert "`data.path`" in message
    assert "downloads/manual" in message


def _pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(
        0, 256, (20, 4, 4, 3), dtype=np.uint8
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small data set as tfds writes it, with an unlabelled test split."""
    pytest.importorskip(
        "importlib_resources", reason="tfds needs it to write a data set"
    )
    folder = str(tmp_path_factory.mktemp("tfds"))
    examples = [
        (place, {"image": image, "label": place % 2})
        for place, image in enumerate(_pictures())
    ]
    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny_pictures",
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(4, 4, 3)),
                "label": tfds.features.ClassLabel(names=["even", "odd"]),
            }
        ),
        split_datasets={
            "train": examples[:14],
            "validation": examples[14:],
            "test": [(i, e | {"label": -1}) for i, e in examples[:3]],
        },
        data_dir=folder,
        download_config=tfds.download.DownloadConfig(num_shards=3),
    )
    return folder


def test_prepared_set_is_read_back_exactly(prepared: str) -> None:
    dataset = load_dataset(_config("tiny_pictures", path=prepared))
    assert dataset.class_names == ("even", "odd")
    _holds(dataset.train.images, dataset.train.labels, slice(0, 14))
    # Not the split test: its label is -1.
    _holds(dataset.test.images, dataset.test.labels, slice(14, 20))


def _holds(images: np.ndarray, labels: np.ndarray, part: slice) -> None:
    place = {image.tobytes(): i for i, image in enumerate(_pictures())}
    places = [place[image.astype(np.uint8).tobytes()] for image in images]
    assert sorted(places) == list(range(20))[part]
    assert [i % 2 for i in places] == labels.tolist()


def test_streamed_set_has_every_example_once_an_epoch_and_can_resume(
    prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "LIMIT", 1)
    # Windows smaller than the data, so that both steps of mixing are used.
    monkeypatch.setattr(streams, "_WINDOW", 5)
    config = _config("tiny_pictures", path=prepared, crop_padding=0, flip=False)
    dataset = load_dataset(config)
    assert dataset.train.images is None
    assert len(dataset.train) == 14
    assert len(dataset.digest) == 16
    assert dataset.digest == load_dataset(config).digest

    def epochs(initial_epoch: int, count: int) -> list[np.ndarray]:
        pipeline = build_pipeline(
            dataset,
            "train",
            config,
            training=True,
            seed=1,
            initial_epoch=initial_epoch,
        )
        assert pipeline.steps == 4
        found = []
        batches = iter(pipeline.batches.as_numpy_iterator())
        for _ in range(count):
            images, labels = zip(
                *(next(batches) for _ in range(4)), strict=True
            )
            found.append(np.concatenate(images))
            _holds(found[-1], np.concatenate(labels), slice(0, 14))
        return found

    undisturbed = epochs(0, 3)
    assert not np.array_equal(undisturbed[0], undisturbed[1])
    np.testing.assert_array_equal(undisturbed[2], epochs(2, 1)[0])

    test = build_pipeline(dataset, "test", config, training=False)
    images, labels = zip(*test.batches.as_numpy_iterator(), strict=True)
    assert len(images) == test.steps == 2
    assert test.batches.cardinality() == 2
    _holds(np.concatenate(images), np.concatenate(labels), slice(14, 20))
    assert len(dataset.mean) == 3


def test_streamed_windows_are_decided_by_seed_and_epoch_alone(
    prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "LIMIT", 1)
    config = _config("tiny_pictures", path=prepared, crop_area=(0.2, 0.8))
    dataset = load_dataset(config)
    assert dataset.train.count_labels(2).tolist() == [7, 7]

    def images(seed: int, epoch: int, count: int) -> list[np.ndarray]:
        batches = first_batches(dataset, config, count, seed, epoch)
        return [pixels for pixels, _ in batches]

    undisturbed = np.concatenate(images(1, 0, 8))
    np.testing.assert_array_equal(undisturbed, np.concatenate(images(1, 0, 8)))
    np.testing.assert_array_equal(
        undisturbed[14:], np.concatenate(images(1, 1, 4))
    )
    middle = first_batches(dataset, config, 5, 1, 0, step=3)
    np.testing.assert_array_equal(
        undisturbed[12:], np.concatenate([pixels for pixels, _ in middle])
    )
    # Parts of the pictures, and each time another one.
    whole = {picture.tobytes() for picture in _pictures()}
    shown = [image.astype(np.uint8).tobytes() for image in undisturbed]
    assert not whole & set(shown)
    assert len(set(shown)) == 28
    other = np.concatenate(images(2, 0, 8))
    assert not np.array_equal(undisturbed, other)


def test_every_record_has_a_window_of_its_own(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    path = tmp_path / "records"
    with tf.io.TFRecordWriter(str(path)) as file:
        for _ in range(5):
            file.write(b"the same")
    stream = streams.RecordStream(
        [path],
        5,
        lambda record, window: (window.key.words, record),
        lambda record: tf.constant(0, "int64"),
    )
    window = RandomWindow((0.1, 1.0), TensorKey.from_seed(0))
    found = stream.examples(None, window).as_numpy_iterator()
    assert len({key.tobytes() for key, _ in found}) == 5


def test_set_in_another_format_says_how_to_prepare_it(
    prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tfds.core.DatasetInfo,
        "file_format",
        tfds.core.FileFormat.ARRAY_RECORD,
    )
    message = _message(_config("tiny_pictures", path=prepared))
    assert "array_record" in message
