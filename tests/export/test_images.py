"""Images for an export are read whole, or refused with one message."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atsc_keras.config import DataConfig
from atsc_keras.data import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.files.pictures import ImageReader
from export.job import Selection
from tests.export.models import CLASSES, SHAPE, pixels
from tests.picture_files import BESIDE, DAMAGED, forms, save


def load(path: Path, **counts: int) -> Any:
    from export.images import load_images

    return load_images(path, SHAPE, CLASSES, Selection(**counts))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pixels": pixels()}, "no array 'x_test'"),
        ({"x_test": pixels()[:, :4]}, "as the model takes"),
        ({"x_test": pixels(), "x_train": pixels()[..., :1]}, "where `x_train`"),
        ({"x_test": pixels(), "y_test": [1, 2]}, "one label an image"),
        ({"x_test": pixels(), "y_test": [9] * 7}, "labels that the model"),
        ({"x_test": pixels(), "y_test": [*"abcdefg"]}, "one number each"),
        ({"x_test": pixels().transpose(0, 3, 1, 2)}, r"np.moveaxis\(x_test"),
        ({"x_test": pixels() // 255}, "Save them before they are scaled"),
        ({"x_test": pixels() / 255}, r"from 0.* to 1\. Multiply them by 255"),
        ({"x_test": pixels() / 127.5 - 1}, "from -1 to 1. Undo their normal"),
        ({"x_test": pixels() * 257.0}, "Undo their normalisation"),
        ({"x_test": pixels().astype("U3")}, "`x_test` is of type <U3. Save"),
        ({"x_test": pixels().astype("M8[D]")}, "is of type datetime64"),
        ({"x_test": pixels().astype("m8[D]")}, "is of type timedelta64"),
        (None, "images that can be read"),
        (pixels(), "images that can be read"),
    ],
)
def test_unusable_images_get_one_message(
    arrays: Any, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "images.npz"
    if arrays is None:
        path.write_text("no npz")
    elif not isinstance(arrays, dict):
        with path.open("wb") as file:
            np.save(file, arrays)
    else:
        np.savez(path, **arrays)
    with pytest.raises(InputError, match=message):
        load(path)


def test_npz_gives_a_seeded_part(tmp_path: Path) -> None:
    train, test = pixels(30, seed=2), pixels(40)
    labels = np.arange(40) % CLASSES
    path = tmp_path / "d.npz"
    np.savez(path, x_train=train, x_test=test, y_test=labels[:, None])
    one, again = load(path, test=10), load(path, test=10)
    other = load(path, test=10, seed=1)
    assert len(one.test) == 10 and len(one.calibration) == 30
    np.testing.assert_array_equal(one.test, again.test)
    assert (one.test != other.test).any()
    for image, label in zip(one.test, one.labels, strict=True):
        (row,) = np.flatnonzero((test == image).all((1, 2, 3)))
        assert labels[row] == label


def save_pictures(folder: Path, images: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number}.png")


def test_folder_of_classes_gives_its_labels(tmp_path: Path) -> None:
    images = pixels(2 * CLASSES)
    for number in range(CLASSES):
        save_pictures(
            tmp_path / "test" / f"class{number}", images[number::CLASSES]
        )
    data = load(tmp_path)
    assert data.calibration is None
    assert data.labels.tolist() == [n for n in range(CLASSES) for _ in "ab"]
    np.testing.assert_array_equal(data.test[:2], images[0::CLASSES])
    save_pictures(tmp_path / "train" / "class0", images[:1])
    with pytest.raises(InputError, match="with 1 folders, model with 5"):
        load(tmp_path)


def test_plain_folder_never_calibrates_by_what_it_compares(
    tmp_path: Path,
) -> None:
    grey = np.arange(9, dtype="uint8")[:, None, None] * np.full(
        (1, 24, 24), 20, "uint8"
    )
    save_pictures(tmp_path / "all", grey)
    data = load(tmp_path / "all", calibration=200)
    assert data.labels is None
    # Grey images of twice the size become those of the model.
    assert data.test.shape == (5, *SHAPE)
    brightness = [
        set(part[:, 0, 0, 0]) for part in (data.test, data.calibration)
    ]
    assert not brightness[0] & brightness[1]
    assert brightness[0] | brightness[1] == set(range(0, 180, 20))
    (tmp_path / "all" / "0.png").write_text("no picture")
    with pytest.raises(InputError, match="0.png"):
        load(tmp_path / "all")
    with pytest.raises(InputError, match="with 0"):
        (tmp_path / "none").mkdir()
        load(tmp_path / "none")


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp"])
def test_pictures_are_read_as_training_reads_them(
    suffix: str, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for number in range(CLASSES):
            folder = tmp_path / part / f"class{number}"
            folder.mkdir(parents=True)
            # Larger than the model takes: they shrink.
            pixels = random.integers(0, 256, (31, 40, 3)).astype("uint8")
            Image.fromarray(pixels).save(folder / f"0.{suffix}")
            (folder / f"._0.{suffix}").write_bytes(b"of another system")
        (tmp_path / part / ".cache").mkdir()
    exported = load(tmp_path)
    config = DataConfig(
        source="folder", path=str(tmp_path), image_size=SHAPE[0], batch_size=1
    )
    trained = load_dataset(config)
    np.testing.assert_array_equal(exported.test, trained.test.images)
    np.testing.assert_array_equal(exported.calibration, trained.train.images)
    assert exported.labels.tolist() == trained.test.labels.tolist()


def test_every_form_of_picture_is_read_as_training_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = forms()
    for part in ("train", "test"):
        for number in range(CLASSES):
            folder = tmp_path / part / f"class{number}"
            save(folder / "inside", {n: f[0] for n, f in made.items()})
            save(folder, {n: content for n, (content, _) in BESIDE.items()})
    exported = load(tmp_path, test=1000, calibration=1000)
    config = DataConfig(
        source="folder", path=str(tmp_path), image_size=SHAPE[0], batch_size=1
    )
    trained = load_dataset(config)
    np.testing.assert_array_equal(exported.test, trained.test.images)
    np.testing.assert_array_equal(exported.calibration, trained.train.images)
    # Once, though both read it.
    assert capsys.readouterr().out.count("Not used") == 1


@pytest.mark.parametrize("name", DAMAGED)
def test_pictures_that_training_refuses_are_refused(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "all"
    save_pictures(folder, pixels(2))
    save(folder, {name: DAMAGED[name]})
    with pytest.raises(InputError, match=name):
        load(folder)


@pytest.mark.parametrize("inside", [False, True])
def test_folder_without_a_picture_says_what_it_holds(
    inside: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "cat" if inside else tmp_path
    save(folder, {"a.heic": b"\0", "b.heic": b"\0"})
    with pytest.raises(InputError, match=r"with 0, 2 \.heic"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("labels", "names", "read"),
    [
        (["hen", "cat"], ("cat", "dog", "hen", "a", "b"), [2, 0]),
        ([b"hen", b"cat"], ("cat", "dog", "hen", "a", "b"), [2, 0]),
        ([4, 9], ("0", "4", "9", "11", "12"), [1, 2]),
        ([1, 2], ("1", "2", "3", "4", "5"), [0, 1]),
        ([1, 2], ("0", "1", "2", "3", "4"), [1, 2]),
        ([1, 2], ("cat", "dog", "hen", "a", "b"), [1, 2]),
    ],
)
def test_labels_may_be_names_of_classes(
    labels: list, names: tuple[str, ...], read: list[int], tmp_path: Path
) -> None:
    from export.images import check_data, load_images

    path = tmp_path / "d.npz"
    np.savez(path, x_test=pixels(2), y_test=labels)
    check_data(path, names)
    data = load_images(path, SHAPE, CLASSES, Selection(), names)
    assert data.labels.tolist() == read
    np.savez(path, x_test=pixels(2), y_test=["cow", "cat"])
    with pytest.raises(InputError, match="'cow', which is not of"):
        load_images(path, SHAPE, CLASSES, Selection(), names)


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    from export.checks import load_class_names
    from export.images import check_data

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="no file"):
            check_data(path)
        with pytest.raises(InputError, match="no file"):
            load_class_names(path)
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)
    with pytest.raises(InputError, match="must be a JSON file"):
        load_class_names(deep)
    deep.write_bytes(bytes(2**24 + 1))
    with pytest.raises(InputError, match="larger than"):
        load_class_names(deep)


def test_folders_are_cut_as_the_run_cut_its_pictures(tmp_path: Path) -> None:
    from export.images import load_images

    height, width, channels = SHAPE
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.png"):
        wide = random.integers(0, 256, (20, 40, channels), "uint8")
        Image.fromarray(wide).save(tmp_path / name)
    side = max(height, width) + 2
    words = (tmp_path, SHAPE, CLASSES, Selection(3, 1, 0))
    cut = load_images(*words, short_side=side)
    read = ImageReader((height, width), channels, side)
    found = [*cut.test, *cut.calibration]
    for name in ("a.png", "b.png", "c.png"):
        expected = read(tmp_path / name)
        assert any(np.array_equal(expected, image) for image in found)
    assert not np.array_equal(load_images(*words).test, cut.test)
