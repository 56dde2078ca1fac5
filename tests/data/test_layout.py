"""Layout, pixels and labels of arrays as people have them are looked at."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atsc_keras.config import DataConfig
from atsc_keras.data import Dataset, load_dataset
from atsc_keras.data.sources import common
from atsc_keras.errors import InputError

RANDOM = np.random.default_rng(0)


def _pixels(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def _npz(folder: Path, **changes: Any) -> DataConfig:
    arrays = {
        "x_train": _pixels(6, 8, 8, 3),
        "y_train": np.array([0, 1, 2, 0, 1, 2]),
        "x_test": _pixels(3, 8, 8, 3),
        "y_test": np.array([2, 1, 0]),
        **changes,
    }
    layout = arrays.pop("layout", None)
    np.savez(folder / "d.npz", **arrays)
    return DataConfig(
        source="npz", path=str(folder / "d.npz"), batch_size=2, layout=layout
    )


def _both(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {"x_train": _pixels(6, *shape), "x_test": _pixels(3, *shape)}


@pytest.mark.parametrize(
    "shape", [(3, 8, 8), (1, 28, 28), (4, 9, 16), (3, 64, 5)]
)
def test_channels_first_are_refused_or_moved(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    arrays = _both(shape)
    with pytest.raises(InputError, match="looks like channels first") as said:
        load_dataset(_npz(tmp_path, **arrays))
    assert "np.moveaxis(x, 1, -1)" in str(said.value)
    labels = np.array([0, 1, 2, 0, 1, 2]), np.array([2, 1, 0])
    with pytest.raises(InputError, match="looks like channels first"):
        Dataset.from_arrays(
            arrays["x_train"], labels[0], arrays["x_test"], labels[1]
        )
    moved = load_dataset(_npz(tmp_path, **arrays, layout="channels_first"))
    assert moved.image_shape == (*shape[1:], shape[0])
    np.testing.assert_array_equal(
        moved.train.images, np.moveaxis(arrays["x_train"], 1, -1)
    )
    by_hand = Dataset.from_arrays(
        *(arrays["x_train"], labels[0], arrays["x_test"], labels[1]),
        layout="channels_first",
    )
    assert by_hand.digest == moved.digest
    kept = load_dataset(_npz(tmp_path, **arrays, layout="channels_last"))
    assert kept.image_shape == shape


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ((8, 8), (8, 8, 1)),  # grey
        ((3, 8), (3, 8, 1)),  # grey, three pixels high
        ((3, 8, 3), (3, 8, 3)),  # three pixels high
        ((1, 9, 4), (1, 9, 4)),
        ((4, 4, 13), (4, 4, 13)),  # many channels
        ((8, 8, 13), (8, 8, 13)),
        ((3, 3, 3), (3, 3, 3)),
    ],
)
def test_channels_last_stay(
    shape: tuple[int, ...], read: tuple[int, ...], tmp_path: Path
) -> None:
    assert load_dataset(_npz(tmp_path, **_both(shape))).image_shape == read


def test_layout_is_for_npz_only() -> None:
    with pytest.raises(ValueError, match="is not used by source: digits"):
        DataConfig(source="digits", layout="channels_last")


@pytest.mark.parametrize(
    ("wrong", "seen"),
    [
        (lambda x: (x / 255).astype("uint8"), "of 0 and 1 alone"),
        (lambda x: (x / 256).astype("uint8"), "of 0 alone"),
        (lambda x: (x // 200).astype("int64"), "of 0 and 1 alone"),
        (
            lambda x: (x / 127.5 - 1).astype("int64").astype("uint8"),
            "253 to 255 alone",
        ),
        (
            lambda x: ((x - 120.0) / 60).astype("int64").astype("uint8"),
            "253 to 255 alone",
        ),
        (lambda x: x / 255, r"from 0(\.\d+)? to 1. Save np.rint\(255 \* x\)"),
        (lambda x: x / 127.5 - 1, "Save them before they are normalised"),
        (lambda x: x.astype("float32"), r"Save np.rint\(x\)"),
        (lambda x: x > 100, "Scale them"),
    ],
)
@pytest.mark.parametrize("part", ["x_train", "x_test"])
def test_pixels_of_another_range_are_refused(
    wrong: Any, seen: str, part: str, tmp_path: Path
) -> None:
    pixels = wrong(_both((8, 8, 3))[part])
    with pytest.raises(InputError, match=seen):
        load_dataset(_npz(tmp_path, **{part: pixels}))


def test_black_and_white_of_0_and_255_is_taken(tmp_path: Path) -> None:
    masks = {
        name: np.where(x > 100, 255, 0).astype("uint8")
        for name, x in _both((8, 8)).items()
    }
    assert load_dataset(_npz(tmp_path, **masks)).image_shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ((0, 4, 9), ("0", "4", "9")),
        ((1, 2, 3), ("1", "2", "3")),
        (("cat", "dog", "hen"), ("cat", "dog", "hen")),
        ((b"cat", b"dog", b"hen"), ("cat", "dog", "hen")),
        (("0", "1", "10"), ("0", "1", "10")),
    ],
)
def test_other_labels_become_classes_visibly(
    labels: tuple, names: tuple[str, ...], tmp_path: Path
) -> None:
    known = np.array(labels)
    config = _npz(
        tmp_path, y_train=known[[0, 1, 2, 0, 1, 2]], y_test=known[[2, 1, 0]]
    )
    with pytest.warns(UserWarning, match="are now the classes 0 to 2") as said:
        dataset = load_dataset(config)
    assert len(said) == 1 and ", ".join(names) in str(said[0].message)
    assert dataset.class_names == names
    assert dataset.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert dataset.test.labels.tolist() == [2, 1, 0]
    strange = known[[0, 1, 0]].copy()
    strange[1] = 7 if known.dtype.kind == "i" else "7"
    with pytest.raises(InputError, match="test label"):
        load_dataset(_npz(tmp_path, y_train=known[[0, 1] * 3], y_test=strange))


def test_text_labels_are_matched_with_the_names_that_are_given(
    tmp_path: Path,
) -> None:
    names = np.array(["hen", "dog", "cat"])
    config = _npz(
        tmp_path,
        y_train=names[[0, 1, 2, 0, 1, 2]],
        y_test=names[[2, 1, 0]],
        class_names=names,
    )
    dataset = load_dataset(config)
    assert dataset.class_names == tuple(names)
    assert dataset.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(InputError, match="of one kind"):
        load_dataset(_npz(tmp_path, y_train=names[[0, 1, 2] * 2]))


def test_labels_from_one_with_names_say_how_to_count(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Subtract 1 from all labels"):
        load_dataset(
            _npz(
                tmp_path,
                y_train=np.array([1, 2, 3] * 2),
                y_test=np.array([1, 2, 3]),
                class_names=np.array(["a", "b", "c"]),
            )
        )


def test_what_does_not_fit_into_memory_is_refused_before_it_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(common, "free_memory", lambda: 10**9)
    for changes in (
        {"image_size": 8192},
        {"image_size": 4000, "channels": 3},
    ):
        with pytest.raises(InputError, match="must fit into memory") as said:
            load_dataset(DataConfig(source="digits", **changes))
        assert f"image_size={changes['image_size']}" in str(said.value)
    config = _npz(tmp_path).model_copy(update={"crop_padding": 8000})
    with pytest.raises(InputError, match="crop_padding=8000"):
        load_dataset(config)
    load_dataset(_npz(tmp_path))
