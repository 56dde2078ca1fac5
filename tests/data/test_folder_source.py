"""A folder of images, in memory and streamed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atsc_keras.config import DataConfig
from atsc_keras.data import build_pipeline, load_dataset
from atsc_keras.data.sources import common
from atsc_keras.errors import InputError
from tests.data.batches import first_batches


def _save(path: Path, seed: int, size: tuple[int, int] = (6, 6)) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(
        0, 256, (*size, 3), dtype=np.uint8
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    for number, name in enumerate(("cat", "dog")):
        for place in range(4):
            _save(root / "train" / name / f"{place}.png", 10 * number + place)
        _save(root / "test" / name / "0.PNG", 100 + number)
    (root / "train" / "cat" / "notes.txt").write_text("not an image")
    (root / "train" / ".cache").mkdir()
    return root


def _config(root: Path, **values: int) -> DataConfig:
    return DataConfig(source="folder", path=str(root), batch_size=2, **values)


def _message(config: DataConfig) -> str:
    with pytest.raises(InputError) as caught:
        load_dataset(config)
    assert "Received: " in str(caught.value)
    return str(caught.value)


def test_folder_names_are_classes_and_pixels_are_exact(root: Path) -> None:
    dataset = load_dataset(_config(root))
    assert dataset.class_names == ("cat", "dog")
    assert dataset.image_shape == (6, 6, 3)
    assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4
    expected = _save(root / "train" / "dog" / "2.png", 12)
    np.testing.assert_array_equal(dataset.train.images[6], expected)


def test_grey_images_have_one_channel_unless_one_is_in_colour(
    root: Path,
) -> None:
    for path in root.rglob("*.[pP][nN][gG]"):
        Image.open(path).convert("L").save(path)
    assert load_dataset(_config(root)).image_shape == (6, 6, 1)
    colour = load_dataset(_config(root, channels=3))
    assert colour.image_shape == (6, 6, 3)
    assert colour.train.images is not None
    assert np.ptp(colour.train.images, axis=-1).max() == 0
    _save(root / "test" / "dog" / "0.PNG", 0)
    assert load_dataset(_config(root)).image_shape == (6, 6, 3)


def test_sizes_that_differ_need_image_size(root: Path) -> None:
    _save(root / "train" / "dog" / "wide.jpeg", 0, size=(6, 9))
    message = _message(_config(root))
    assert "wide.jpeg of 9x6" in message
    assert "of 6x6" in message
    dataset = load_dataset(_config(root, image_size=5))
    assert dataset.image_shape == (5, 5, 3)


def test_streamed_folder_gives_what_memory_gives(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(root, image_size=5)
    whole = load_dataset(config)
    monkeypatch.setattr(common, "LIMIT", 1)
    streamed = load_dataset(config)
    assert streamed.train.images is None
    assert len(streamed.train) == len(whole.train)
    np.testing.assert_allclose(streamed.mean, whole.mean)
    assert streamed.train.count_labels(2).tolist() == [4, 4]
    images, labels = streamed.train.first(3)
    np.testing.assert_array_equal(images, whole.train.images[:3])
    np.testing.assert_array_equal(labels, whole.train.labels[:3])
    for data in (whole, streamed):
        images, labels = data.train.sample(6)
        again, _ = data.train.sample(6)
        np.testing.assert_array_equal(images, again)
        known = {
            x.tobytes(): y for x, y in zip(*whole.train.arrays, strict=True)
        }
        assert [known[x.tobytes()] for x in images] == labels.tolist()
        assert set(labels.tolist()) == {0, 1}  # not the first class alone
    for split, training in (("train", True), ("test", False)):
        batches = [
            build_pipeline(data, split, config, training=training, seed=3)
            for data in (whole, streamed)
        ]
        assert batches[0].steps == batches[1].steps
        for first, second in zip(
            *(p.batches.take(2 * p.steps).as_numpy_iterator() for p in batches),
            strict=True,
        ):
            np.testing.assert_array_equal(first[0], second[0])
            np.testing.assert_array_equal(first[1], second[1])


def test_digest_of_a_streamed_folder_is_of_its_files_not_of_its_place(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "LIMIT", 1)

    def digest(folder: Path) -> str:
        return load_dataset(_config(folder)).digest

    before = digest(root)
    moved = root.rename(root.with_name("moved"))
    assert digest(moved) == before
    (moved / "train/cat/0.png").rename(moved / "train/cat/00.png")
    renamed = digest(moved)
    _save(moved / "train" / "dog" / "3.png", 77)  # another picture
    assert len({before, renamed, digest(moved)}) == 3


def test_windows_of_other_kinds_of_pictures_are_the_same(
    root: Path,
) -> None:
    config = _config(root, image_size=5, crop_area=(0.2, 0.8))
    epochs = []
    for suffix in (".png", ".bmp"):
        for path in [*(root / "train").rglob("*.png")]:
            Image.open(path).save(path.with_suffix(suffix))
            if path.suffix != suffix:
                path.unlink()
        dataset = load_dataset(config)
        epochs.append(first_batches(dataset, config, 4, 3, 0))
    for first, second in zip(*epochs, strict=True):
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("crop_area", [None, (0.2, 0.8)])
def test_streamed_folder_continues_in_the_middle_of_an_epoch(
    crop_area: tuple[float, float] | None,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(common, "LIMIT", 1)
    config = _config(root, image_size=5, crop_area=crop_area)
    dataset = load_dataset(config)
    undisturbed = first_batches(dataset, config, 6, 3, 0)
    again = first_batches(dataset, config, 4, 3, 0, step=2)
    for first, second in zip(undisturbed[2:], again, strict=True):
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


def test_image_that_cannot_be_decoded_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "train" / "dog" / "1.png"
    whole = path.read_bytes()
    for broken in (b"", b"text", whole[:60]):
        path.write_bytes(broken)
        assert str(path) in _message(_config(root))
    monkeypatch.setattr(common, "LIMIT", 1)
    config = _config(root)
    dataset = load_dataset(config)
    pipeline = build_pipeline(dataset, "train", config, training=True)
    with pytest.raises(InputError, match="^Every image.*dog/1.png"):
        with dataset.naming_broken_files():
            list(pipeline.batches.take(pipeline.steps))


def test_other_errors_keep_their_names(root: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        with load_dataset(_config(root)).naming_broken_files():
            raise ZeroDivisionError


def test_image_of_sixteen_bits_is_refused(root: Path) -> None:
    path = root / "train" / "cat" / "3.png"
    Image.fromarray(np.full((6, 6), 40000, np.uint16)).save(path)
    message = _message(_config(root))
    assert "8 bits a channel" in message
    assert str(path) in message


def test_folder_without_images_or_classes_is_refused(root: Path) -> None:
    (root / "train" / "bird").mkdir()
    assert "bird without any" in _message(_config(root))
    (root / "train" / "bird").rmdir()
    (root / "test" / "bird").mkdir()
    assert "bird in" in _message(_config(root))
    (root / "test" / "bird").rmdir()
    for path in (root / "test").rglob("*.PNG"):
        path.unlink()
    assert "images to test on" in _message(_config(root))
    for path in (root / "train" / "dog").iterdir():
        path.unlink()
    (root / "train" / "dog").rmdir()
    assert "at least two classes. Received" in _message(_config(root))
    assert "no folder train" in _message(_config(root / "test"))


def test_batch_larger_than_the_folder_is_refused(root: Path) -> None:
    config = _config(root).model_copy(update={"batch_size": 9})
    assert "batch_size=9, 8 images" in _message(config)
