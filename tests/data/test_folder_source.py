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
from tests.picture_files import BESIDE, DAMAGED, SIDE, forms, save


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


def _config(root: Path, **values: object) -> DataConfig:
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


def test_every_form_of_picture_is_read_alike_by_all_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = forms()
    side = {name: content for name, (content, _) in BESIDE.items()}
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            files = {n: content for n, (content, _, _) in made.items()}
            save(tmp_path / part / name / "2024-05-01", files)
            save(tmp_path / part / name, side)
    config = _config(tmp_path, flip=False, crop_padding=0)
    # A window of all the area of a square picture is the picture.
    windows = config.model_copy(update={"crop_area": (1.0, 1.0)})
    expected = [made[name] for name in sorted(made)] * 2
    whole = load_dataset(config)
    assert whole.image_shape == (SIDE, SIDE, 3)
    monkeypatch.setattr(common, "LIMIT", 1)
    streams = [
        (load_dataset(c), c, training)
        for c, training in ((config, False), (windows, True))
    ]
    found = [whole.train.images]
    for dataset, c, training in streams:
        pipeline = build_pipeline(dataset, "train", c, training=training)
        batches = pipeline.batches.take(pipeline.steps).as_numpy_iterator()
        found.append(np.concatenate([images for images, _ in batches]))
    for image, (_, shown, off) in zip(found[0], expected, strict=True):
        assert np.abs(image.astype(int) - shown).max() <= off
    np.testing.assert_array_equal(found[1], found[0])
    assert sorted(x.tobytes() for x in found[2]) == sorted(
        x.astype("float32").tobytes() for x in found[0]
    )


def test_what_is_not_used_of_a_folder_is_said_once(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _save(root / "val" / "cat" / "0.png", 0)
    (root / "train" / "labels.csv").write_text("0,cat")
    save(root / "test" / "dog", {"._0.png": b"\0", "clip.heic": b"\0"})
    for _ in range(2):
        load_dataset(_config(root))
    (line,) = capsys.readouterr().out.splitlines()
    assert line == (
        f"Not used in {root}: 1 folder val (beside train and test), "
        "1 folder .cache (hidden), "
        "1 .csv (beside the folders of the classes), "
        "1 .txt (not read as a picture), 1 .png (hidden), "
        "1 .heic (not read as a picture)."
    )


def test_nothing_is_said_where_all_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "test"):
        for number, name in enumerate(("cat", "dog")):
            _save(tmp_path / part / name / "0.png", number)
    load_dataset(_config(tmp_path))
    assert not capsys.readouterr().out


@pytest.mark.parametrize("name", ["poster.png", "script.png", "deep.tif"])
def test_what_is_no_picture_is_named_before_training(
    name: str, root: Path
) -> None:
    save(root / "train" / "dog", {name: DAMAGED[name]})
    assert f"{root}/train/dog/{name}" in _message(_config(root))


def test_folder_with_a_line_break_in_its_name_is_no_class(root: Path) -> None:
    for part in ("train", "test"):
        (root / part / "cat").rename(root / part / "cat\nhouse")
    assert "one line" in _message(_config(root))


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
