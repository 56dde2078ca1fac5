"""Batches: what is random is decided by seed and epoch alone."""

from itertools import product

import keras
import numpy as np
import pytest

from atsc_keras.config import DataConfig
from atsc_keras.data import Dataset, Pipeline, Split, build_pipeline
from atsc_keras.errors import InputError

_SIZE = 4  # pixels, height and width
_COUNT = 10
_PADDING = 2
_PLAIN = DataConfig(batch_size=4, crop_padding=0, flip=False)
_AUGMENTED = DataConfig(batch_size=4, crop_padding=_PADDING, flip=True)

Batches = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def dataset() -> Dataset:
    # Pixels from 1: a zero is padding for certain. The label names the image.
    images = np.random.default_rng(0).integers(
        1, 256, (_COUNT, _SIZE, _SIZE, 3), dtype=np.uint8
    )
    labels = np.arange(_COUNT)
    return Dataset(
        train=Split("train", images, labels),
        test=Split("test", images[::-1], labels[::-1]),
        class_names=tuple("abcdefghij"),
        image_shape=(_SIZE, _SIZE, 3),
    )


def _take(pipeline: Pipeline, count: int) -> Batches:
    return list(pipeline.batches.take(count).as_numpy_iterator())


def _equal(first: Batches, second: Batches) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])
        for a, b in zip(first, second, strict=True)
    )


def test_every_epoch_is_a_different_permutation_of_every_example(
    dataset: Dataset,
) -> None:
    pipeline = build_pipeline(dataset, "train", _PLAIN, training=True)
    assert pipeline.steps == 3
    batches = _take(pipeline, 3 * pipeline.steps)
    orders = [
        np.concatenate([labels for _, labels in batches[start : start + 3]])
        for start in (0, 3, 6)
    ]
    for order in orders:
        assert sorted(order) == list(range(_COUNT))
    assert len({tuple(order) for order in orders}) == 3


def test_without_augmentation_pixels_arrive_exactly(dataset: Dataset) -> None:
    pipeline = build_pipeline(dataset, "train", _PLAIN, training=True)
    for images, labels in _take(pipeline, 3):
        assert images.dtype == np.float32
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(images, dataset.train.images[labels])


def test_augmented_image_is_a_window_of_the_padded_original(
    dataset: Dataset,
) -> None:
    pipeline = build_pipeline(dataset, "train", _AUGMENTED, training=True)
    seen = set()
    for images, labels in _take(pipeline, 40 * pipeline.steps):
        for image, label in zip(images, labels, strict=True):
            seen.add(_window(image, dataset.train.images[label]))
    # 400 images over 5 x 5 windows x 2 directions: each one has come.
    assert seen == set(product(range(5), range(5), (False, True)))


def _window(image: np.ndarray, original: np.ndarray) -> tuple[int, int, bool]:
    sides = (_PADDING, _PADDING)
    padded = np.pad(original, (sides, sides, (0, 0)))
    found = [
        (top, left, flipped)
        for top, left, flipped in product(range(5), range(5), (False, True))
        if np.array_equal(
            image[:, ::-1] if flipped else image,
            padded[top : top + _SIZE, left : left + _SIZE],
        )
    ]
    assert len(found) == 1, "not one window of the padded original"
    return found[0]


def test_crop_alone_never_flips_and_flip_alone_never_shifts(
    dataset: Dataset,
) -> None:
    crop = DataConfig(batch_size=4, crop_padding=_PADDING, flip=False)
    flip = DataConfig(batch_size=4, crop_padding=0, flip=True)
    directions = set()
    for config in (crop, flip):
        pipeline = build_pipeline(dataset, "train", config, training=True)
        for images, labels in _take(pipeline, 9):
            for image, label in zip(images, labels, strict=True):
                top, left, flipped = _window(image, dataset.train.images[label])
                if config is crop:
                    assert not flipped
                else:
                    assert (top, left) == (_PADDING, _PADDING)
                    directions.add(flipped)
    assert directions == {False, True}


def test_same_seed_gives_the_same_batches_and_another_seed_others(
    dataset: Dataset,
) -> None:
    def batches(seed: int) -> Batches:
        return _take(
            build_pipeline(
                dataset, "train", _AUGMENTED, training=True, seed=seed
            ),
            6,
        )

    first = batches(1)
    # Global state must not matter.
    keras.utils.set_random_seed(99)
    assert _equal(first, batches(1))
    assert not _equal(first, batches(2))
    assert not _equal(first, batches(1 + 2**32 - 2))


def test_pipeline_continues_at_its_initial_place_as_if_undisturbed(
    dataset: Dataset,
) -> None:
    def batches(epoch: int, count: int, step: int = 0) -> Batches:
        return _take(
            build_pipeline(
                dataset,
                "train",
                _AUGMENTED,
                training=True,
                seed=5,
                initial_epoch=epoch,
                initial_step=step,
            ),
            count,
        )

    undisturbed = batches(0, 12)
    assert _equal(undisturbed[6:], batches(2, 6))
    # In the middle of an epoch, whose last batch is smaller, and beyond.
    assert _equal(undisturbed[7:], batches(2, 5, step=1))
    assert _equal(undisturbed[8:], batches(2, 4, step=2))


def test_first_example_of_the_batch_is_augmented_anew_in_each_batch(
    dataset: Dataset,
) -> None:
    config = _AUGMENTED.model_copy(update={"batch_size": 1})
    pipeline = build_pipeline(dataset, "train", config, training=True)
    windows = [
        _window(images[0], dataset.train.images[labels[0]])
        for images, labels in _take(pipeline, _COUNT)
    ]
    assert len(set(windows)) > _COUNT // 2


def test_drop_remainder_leaves_out_only_the_smaller_batch(
    dataset: Dataset,
) -> None:
    config = _PLAIN.model_copy(update={"drop_remainder": True})
    pipeline = build_pipeline(dataset, "train", config, training=True)
    assert pipeline.steps == 2
    sizes = [len(labels) for _, labels in _take(pipeline, 4)]
    assert sizes == [4, 4, 4, 4]
    kept = build_pipeline(dataset, "train", _PLAIN, training=True)
    assert [len(labels) for _, labels in _take(kept, 4)] == [4, 4, 2, 4]


def test_test_split_comes_once_in_order_and_untouched(
    dataset: Dataset,
) -> None:
    config = _AUGMENTED.model_copy(update={"drop_remainder": True})
    pipeline = build_pipeline(dataset, "test", config, training=False)
    batches = list(pipeline.batches.as_numpy_iterator())
    assert len(batches) == pipeline.steps == 3
    images = np.concatenate([images for images, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    np.testing.assert_array_equal(images, dataset.test.images)
    np.testing.assert_array_equal(labels, dataset.test.labels)
    assert (images.dtype, labels.dtype) == (np.float32, np.int32)


def test_fit_sees_the_epochs_of_the_pipeline(dataset: Dataset) -> None:
    losses: list[float] = []

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(
            self, batch: int, logs: dict[str, float] | None = None
        ) -> None:
            losses.append((logs or {})["loss"])

    # A model that answers 0 and stays so: its errors are the labels.
    model = keras.Sequential(
        [
            keras.Input((_SIZE, _SIZE, 3)),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(1, kernel_initializer="zeros"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    pipeline = build_pipeline(dataset, "train", _PLAIN, training=True)
    model.fit(
        pipeline.batches,
        steps_per_epoch=pipeline.steps,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[Record()],
    )
    expected = []
    for epoch in range(2):
        epochs = build_pipeline(
            dataset, "train", _PLAIN, training=True, initial_epoch=epoch
        )
        labels = np.concatenate([y for _, y in _take(epochs, pipeline.steps)])
        # Keras reports the mean over the epoch so far.
        expected += [np.mean(labels[:end] ** 2.0) for end in (4, 8, 10)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_batch_larger_than_the_training_data_is_refused(
    dataset: Dataset,
) -> None:
    config = DataConfig(batch_size=_COUNT + 1)
    with pytest.raises(InputError, match="batch_size=11, 10 images"):
        build_pipeline(dataset, "train", config, training=True)
    # One pass needs no full batch.
    assert build_pipeline(dataset, "test", config, training=False).steps == 1


def test_unknown_split_is_refused(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="split='validation'"):
        build_pipeline(dataset, "validation", _PLAIN, training=False)


def test_mean_and_std_are_those_of_the_training_images(
    dataset: Dataset,
) -> None:
    images = dataset.train.images.astype(float)
    np.testing.assert_allclose(dataset.mean, images.mean((0, 1, 2)))
    np.testing.assert_allclose(dataset.std, images.std((0, 1, 2)))
    given = Dataset(
        dataset.train,
        dataset.test,
        dataset.class_names,
        dataset.image_shape,
        given_mean=(1.0, 2.0, 3.0),
    )
    assert given.mean == (1.0, 2.0, 3.0)
    assert given.std == dataset.std


def test_constant_channel_has_a_std_that_divides(dataset: Dataset) -> None:
    dataset.train.images[..., 1] = 7
    assert dataset.std[1] == 1.0
    assert dataset.mean[1] == 7.0


def test_labels_are_counted(dataset: Dataset) -> None:
    assert dataset.train.count_labels(11).tolist() == [1] * _COUNT + [0]
