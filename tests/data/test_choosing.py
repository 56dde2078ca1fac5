"""A part of the classes, and training images held out for testing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atsc_keras.config import DataConfig
from atsc_keras.data import load_dataset
from atsc_keras.data.assembly import refuse_to_choose
from atsc_keras.errors import InputError

_CLASSES = 4
_EACH = 10  # training images of a class


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    """Grey images whose two pixels tell class and number."""

    def split(each: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(each * _CLASSES) % _CLASSES
        numbers = np.arange(each * _CLASSES) + offset
        images = np.stack([labels, numbers], axis=1).astype("uint8")
        return images[:, None, :], labels

    (x_train, y_train), (x_test, y_test) = split(_EACH, 0), split(2, 100)
    path = tmp_path / "data.npz"
    np.savez(
        path,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        class_names=np.array(["ant", "bee", "cat", "dog"]),
    )
    return path


def _load(npz: Path, **settings: Any) -> Any:
    config = DataConfig(source="npz", path=str(npz), batch_size=2, **settings)
    return load_dataset(config)


def _numbers(split: Any) -> list[int]:
    return [int(number) for number in split.images[:, 0, 1, 0]]


def test_first_classes_only(npz: Path) -> None:
    dataset = _load(npz, classes=2)
    assert dataset.class_names == ("ant", "bee")
    for split, each in ((dataset.train, _EACH), (dataset.test, 2)):
        assert split.count_labels(2).tolist() == [each, each]
        assert set(split.labels) == {0, 1}
        # Labels still go with their images.
        np.testing.assert_array_equal(split.images[:, 0, 0, 0], split.labels)


def test_held_out_images_are_training_images_that_training_misses(
    npz: Path,
) -> None:
    whole, part = _load(npz), _load(npz, hold_out=0.2)
    assert part.test.count_labels(_CLASSES).tolist() == [2] * _CLASSES
    assert part.train.count_labels(_CLASSES).tolist() == [8] * _CLASSES
    held_out, kept = _numbers(part.test), _numbers(part.train)
    assert sorted(held_out + kept) == sorted(_numbers(whole.train))
    np.testing.assert_array_equal(
        part.test.images[:, 0, 0, 0], part.test.labels
    )
    assert held_out == _numbers(_load(npz, hold_out=0.2).test)  # always these
    # Drawn, not the first ones of the file.
    assert held_out != sorted(_numbers(whole.train))[: len(held_out)]


def test_both_hold_out_of_the_classes_that_are_kept(npz: Path) -> None:
    dataset = _load(npz, classes=3, hold_out=0.1)
    assert dataset.test.count_labels(3).tolist() == [1, 1, 1]
    assert len(dataset.train) == 27


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": 5}, "classes=5, data with 4"),
        ({"hold_out": 0.01}, "which leave none to test on"),
        ({"hold_out": 0.99}, "which leave none to train on"),
    ],
)
def test_choice_that_leaves_nothing_is_refused(
    npz: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _load(npz, **settings)


@pytest.mark.parametrize("crop_area", [None, (0.5, 1.0)])
def test_folder_holds_out_too(
    tmp_path: Path, crop_area: tuple[float, float] | None
) -> None:
    for part, count in (("train", 6), ("test", 1)):
        for label, name in enumerate(("cat", "dog", "eel")):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.full((4, 4, 3), 10 * label + number, "uint8")
                Image.fromarray(pixels).save(folder / f"{number}.png")
    config = DataConfig(
        source="folder",
        path=str(tmp_path),
        image_size=4,
        batch_size=2,
        classes=2,
        hold_out=0.5,
        crop_area=crop_area,
    )
    dataset = load_dataset(config)
    assert dataset.class_names == ("cat", "dog")
    values = {}
    for split in (dataset.train, dataset.test):
        images, labels = split.first(6)
        assert sorted(labels) == [0] * 3 + [1] * 3
        np.testing.assert_array_equal(images[:, 0, 0, 0] // 10, labels)
        values[split.name] = set(images[:, 0, 0, 0].tolist())
    assert values["train"] | values["test"] == {*range(6), *range(10, 16)}


def test_what_is_streamed_as_stored_is_used_whole() -> None:
    refuse_to_choose(DataConfig(), "any")
    with pytest.raises(InputError, match=r"hold_out=0.1, imagenet2012 is"):
        refuse_to_choose(DataConfig(hold_out=0.1), "imagenet2012 is streamed")
