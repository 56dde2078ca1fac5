"""Random windows, and the centre for evaluation."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atsc_keras.config import DataConfig
from atsc_keras.data import Dataset, Split, build_pipeline, load_dataset
from atsc_keras.data.resizing import resize_array
from atsc_keras.data.tensorflow.cropping import (
    RandomWindow,
    crop_batch,
    decode_and_crop,
    draw_windows,
    frame_pixels,
    resize_pixels,
)
from atsc_keras.data.tensorflow.randomness import TensorKey
from atsc_keras.errors import InputError

Batches = list[tuple[np.ndarray, np.ndarray]]


def _window(*area: float, seed: int = 0) -> RandomWindow:
    return RandomWindow(area, TensorKey.from_seed(seed))


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# === Windows ===


def test_windows_have_the_asked_area_and_aspect_and_lie_inside() -> None:
    height, width = 200, 300
    windows = draw_windows(500, height, width, _window(0.2, 0.6)).numpy()
    top, left, rows, columns = windows.T
    assert top.min() >= 0 and (top + rows).max() <= height
    assert left.min() >= 0 and (left + columns).max() <= width
    share = rows * columns / (height * width)
    # Rounded to whole pixels, of at least 94.
    assert 0.195 < share.min() < 0.22 and 0.55 < share.max() < 0.605
    aspect = columns / rows
    assert 0.74 < aspect.min() < 0.78 and 1.28 < aspect.max() < 1.35
    # They touch both sides and are as often in one half as in the other.
    assert top.min() == left.min() == 0
    assert (top + rows).max() == height and (left + columns).max() == width
    assert 0.45 < np.mean(2 * left + columns < width) < 0.55


def test_window_that_never_fits_is_the_largest_in_the_centre() -> None:
    # No window of 4 x 100 pixels has all of its area and a sane aspect.
    windows = draw_windows(3, 100, 4, _window(1.0, 1.0)).numpy()
    np.testing.assert_array_equal(windows, [[48, 0, 5, 4]] * 3)
    windows = draw_windows(1, 4, 100, _window(1.0, 1.0)).numpy()
    np.testing.assert_array_equal(windows, [[0, 48, 4, 5]])


def test_whole_window_of_a_batch_is_the_image_itself() -> None:
    images = _noise(3, 7, 7, 3)
    cropped = crop_batch(images, (7, 7), _window(1.0, 1.0))
    np.testing.assert_array_equal(cropped, images)


def test_cropped_ramp_has_the_values_computed_by_hand() -> None:
    # The value of a pixel is its place; bilinear sampling keeps it a ramp.
    ramp = np.arange(0, 240, 10, dtype=np.uint8)
    images = np.broadcast_to(ramp[None, None, :, None], (40, 20, 24, 1))
    window = _window(0.1, 0.5)
    cropped = crop_batch(np.ascontiguousarray(images), (6, 5), window).numpy()
    _, left, _, columns = draw_windows(40, 20, 24, window).numpy().T
    places = left[:, None] + (np.arange(5) + 0.5) * columns[:, None] / 5 - 0.5
    assert cropped.shape == (40, 6, 5, 1)
    np.testing.assert_allclose(
        cropped[:, 0, :, 0],
        10 * np.clip(places, 0, 23),
        atol=0.51,  # rounded to whole numbers
    )
    np.testing.assert_array_equal(cropped[:, 0], cropped[:, -1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_decoded_window_is_the_window_of_the_decoded_image(
    kind: str, channels: int
) -> None:
    tf = pytest.importorskip("tensorflow")
    pixels = _noise(90, 70, channels)
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, kind)
    contents = buffer.getvalue()
    window = _window(0.2, 0.8)
    top, left, rows, columns = draw_windows(1, 90, 70, window).numpy()[0]
    whole = tf.io.decode_image(contents, channels=channels)
    if kind == "PNG":
        np.testing.assert_array_equal(whole, pixels)
    expected = resize_pixels(
        whole[top : top + rows, left : left + columns], (16, 12)
    )
    found = decode_and_crop(tf.constant(contents), channels, (16, 12), window)
    assert found.dtype == tf.uint8
    np.testing.assert_array_equal(found, expected)


# === Evaluation ===


def test_centre_is_cut_out_of_the_resized_image() -> None:
    images = _noise(2, 8, 12, 3)
    # As it is: the centre of 6 x 6 of an image of 8 x 12.
    framed = frame_pixels(images, 6, short_side=8)
    np.testing.assert_array_equal(framed, images[:, 1:7, 3:9])
    # Halved: the short side 4, the long side 6.
    halved = resize_pixels(images, (4, 6))
    framed = frame_pixels(images, 4, short_side=4)
    np.testing.assert_array_equal(framed, halved[:, :, 1:5])
    np.testing.assert_array_equal(frame_pixels(images, None), images)
    np.testing.assert_array_equal(
        frame_pixels(images, 4), resize_pixels(images, 4)
    )


@pytest.mark.parametrize(
    ("shape", "size", "short_side"),
    [
        ((3, 8, 8, 1), 16, None),
        ((3, 31, 17, 3), 12, None),
        ((3, 31, 17, 3), 12, 16),
        ((3, 20, 33, 2), 24, 30),
        ((3, 20, 33, 2), 20, 20),
    ],
)
def test_arrays_are_framed_as_streamed_images_are(
    shape: tuple[int, ...], size: int, short_side: int | None
) -> None:
    images = _noise(*shape)
    found = resize_array(images, size, short_side).astype("int32")
    expected = frame_pixels(images, size, short_side).numpy()
    assert found.shape == expected.shape
    # Halves round apart where float32 sums do.
    assert np.abs(found - expected).max() <= 1
    assert np.mean(found != expected) < 0.01


def _npz(folder: Path, images: np.ndarray, **values: object) -> DataConfig:
    labels = np.arange(len(images)) % 2
    path = folder / "set.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    return DataConfig(source="npz", path=str(path), batch_size=2, **values)


def test_arrays_are_evaluated_on_the_centre_and_cropped_as_stored(
    tmp_path: Path,
) -> None:
    images = _noise(4, 8, 12, 1)
    config = _npz(
        tmp_path,
        images,
        image_size=6,
        evaluation_resize=8,
        crop_area=(0.2, 0.9),
        flip=False,
    )
    dataset = load_dataset(config)
    assert dataset.image_shape == (6, 6, 1)
    np.testing.assert_array_equal(dataset.test.images, images[:, 1:7, 3:9])
    np.testing.assert_array_equal(dataset.train.images, images)
    train = build_pipeline(dataset, "train", config, training=True)
    for pixels, _ in train.batches.take(3).as_numpy_iterator():
        assert pixels.shape == (2, 6, 6, 1)
    # Evaluated on the training images: all of them, resized.
    whole = build_pipeline(dataset, "train", config, training=False)
    pixels = np.concatenate([x for x, _ in whole.batches.as_numpy_iterator()])
    np.testing.assert_array_equal(pixels, resize_pixels(images, 6))


def test_image_already_of_the_size_is_still_framed(tmp_path: Path) -> None:
    images = _noise(4, 8, 8, 3)
    config = _npz(tmp_path, images, image_size=8, evaluation_resize=16)
    expected = resize_pixels(images, 16)[:, 4:12, 4:12]
    np.testing.assert_array_equal(load_dataset(config).test.images, expected)


# === Pipelines ===


@pytest.fixture
def folder(tmp_path: Path) -> DataConfig:
    """Photographs of different sizes, most wider than high."""
    number = 0
    for split, count in (("train", 5), ("test", 2)):
        for name in ("cat", "dog"):
            place = tmp_path / split / name
            place.mkdir(parents=True)
            for _ in range(count):
                number += 1
                pixels = _noise(20 + number, 30 + number, 3) // 2 + number
                kind = "png" if number % 3 == 0 else "jpg"
                Image.fromarray(pixels).save(place / f"{number}.{kind}")
    return DataConfig(
        source="folder",
        path=str(tmp_path),
        image_size=8,
        batch_size=4,
        crop_area=(0.1, 1.0),
        evaluation_resize=10,
    )


def _in_memory() -> tuple[Dataset, DataConfig]:
    images, labels = _noise(10, 9, 13, 3), np.arange(10) % 2
    dataset = Dataset(
        train=Split("train", images, labels),
        test=Split("test", images, labels),
        class_names=("a", "b"),
        image_shape=(8, 8, 3),
    )
    return dataset, DataConfig(batch_size=4, crop_area=(0.1, 1.0))


def _batches(
    dataset: Dataset,
    config: DataConfig,
    count: int,
    seed: int = 1,
    epoch: int = 0,
) -> Batches:
    pipeline = build_pipeline(
        dataset, "train", config, training=True, seed=seed, initial_epoch=epoch
    )
    assert pipeline.steps == 3
    return list(pipeline.batches.take(count).as_numpy_iterator())


def _equal(first: Batches, second: Batches) -> bool:
    return all(
        np.array_equal(a, b)
        for one, other in zip(first, second, strict=True)
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_windows_are_decided_by_seed_and_epoch_alone(
    folder: DataConfig, streamed: bool
) -> None:
    dataset, config = (
        (load_dataset(folder), folder) if streamed else _in_memory()
    )
    assert (dataset.train.stream is not None) == streamed
    undisturbed = _batches(dataset, config, 9)
    assert _equal(undisturbed, _batches(dataset, config, 9))
    assert not _equal(undisturbed, _batches(dataset, config, 9, seed=2))
    assert _equal(undisturbed[6:], _batches(dataset, config, 3, epoch=2))
    for images, _ in undisturbed:
        assert images.shape[1:] == (8, 8, 3)
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images, np.round(images))


@pytest.mark.parametrize("streamed", [False, True])
def test_images_of_an_epoch_have_different_windows(
    folder: DataConfig, streamed: bool
) -> None:
    dataset, config = (
        (load_dataset(folder), folder) if streamed else _in_memory()
    )
    # The same picture everywhere: what differs is the window.
    update = {"batch_size": 10, "flip": False}
    if streamed:
        paths = list(Path(folder.path or "").rglob("train/*/*.*"))
        for path in paths:
            Image.fromarray(_noise(40, 50, 3)).save(path)
        assert len(paths) == 10
    else:
        dataset.train.images[:] = dataset.train.images[:1]
    config = config.model_copy(update=update)
    pipeline = build_pipeline(dataset, "train", config, training=True)
    found = [x for x, _ in pipeline.batches.take(2).as_numpy_iterator()]
    assert len({image.tobytes() for image in np.concatenate(found)}) == 20


def test_folder_is_evaluated_on_the_centre(folder: DataConfig) -> None:
    dataset = load_dataset(folder)
    path = sorted(Path(folder.path or "").glob("test/cat/*"))[0]
    with Image.open(path) as file:
        width, height = file.size
        wide = round(width * 10 / height)
        small = file.resize((wide, 10), Image.Resampling.BILINEAR)
    left = (wide - 8) // 2
    expected = np.asarray(small)[1:9, left : left + 8].astype("int32")
    # Pillow notes in float32 where the centre lies: values between two numbers
    # may round apart.
    difference = np.abs(dataset.test.images[0] - expected)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.01


def test_grey_folder_of_different_sizes_stays_grey(folder: DataConfig) -> None:
    for path in Path(folder.path or "").rglob("*.[jp][pn]g"):
        Image.open(path).convert("L").save(path)
    dataset = load_dataset(folder)
    assert dataset.image_shape == (8, 8, 1)
    assert _batches(dataset, folder, 1)[0][0].shape == (4, 8, 8, 1)
    assert len(dataset.mean) == 1


def test_broken_file_of_a_cropped_folder_is_named(folder: DataConfig) -> None:
    dataset = load_dataset(folder)
    path = sorted(Path(folder.path or "").glob("train/dog/*.jpg"))[0]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=f"^Every image.*{path.name}"):
        with dataset.naming_broken_files():
            _batches(dataset, folder, 3)
