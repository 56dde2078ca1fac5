"""The sources that hold arrays: digits, npz, idx."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atsc_keras.config import DataConfig
from atsc_keras.data import Dataset, load_dataset
from atsc_keras.errors import InputError


def _arrays(**changes: Any) -> dict[str, Any]:
    numbers = np.random.default_rng(0)
    arrays = {
        "x_train": numbers.integers(0, 256, (6, 5, 4), dtype=np.uint8),
        "y_train": np.array([0, 1, 2, 0, 1, 2]),
        "x_test": numbers.integers(0, 256, (3, 5, 4), dtype=np.uint8),
        "y_test": np.array([2, 1, 0]),
    }
    return {k: v for k, v in (arrays | changes).items() if v is not None}


def _npz(path: Path, **changes: Any) -> DataConfig:
    np.savez_compressed(path / "set.npz", **_arrays(**changes))
    return DataConfig(source="npz", path=str(path / "set.npz"), batch_size=2)


def _idx(
    folder: Path, arrays: dict[str, Any], suffix: str = ".gz"
) -> DataConfig:
    for key, name in (
        ("x_train", "train-images-idx3-ubyte"),
        ("y_train", "train-labels-idx1-ubyte"),
        ("x_test", "t10k-images-idx3-ubyte"),
        ("y_test", "t10k-labels-idx1-ubyte"),
    ):
        data = _idx_bytes(arrays[key])
        if suffix == ".gz":
            data = gzip.compress(data)
        (folder / (name + suffix)).write_bytes(data)
    return DataConfig(source="idx", path=str(folder), batch_size=2)


def _idx_bytes(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    header = bytes([0, 0, 8, array.ndim]) + sizes
    return header + array.astype(np.uint8).tobytes()


def _holds(dataset: Dataset, arrays: dict[str, Any]) -> None:
    np.testing.assert_array_equal(
        dataset.train.images, arrays["x_train"][..., None]
    )
    np.testing.assert_array_equal(
        dataset.test.images, arrays["x_test"][..., None]
    )
    np.testing.assert_array_equal(dataset.train.labels, arrays["y_train"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int64
    assert dataset.image_shape == (5, 4, 1)


def test_digest_is_of_pixels_and_labels_and_nothing_else() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 4, 4, 3)).astype("uint8")
    labels = np.array([0, 1, 2, 0, 1, 2])

    def digest(
        x: np.ndarray = images, y: np.ndarray = labels, **more: Any
    ) -> str:
        parts = (x[:4], y[:4], x[4:], y[4:])
        return Dataset.from_arrays(*parts, **more).digest

    assert digest() == digest(images.copy(), labels.astype("int32"))
    assert digest() == digest(class_names=("a", "b", "c"))
    one_pixel, one_label = images.copy(), labels.copy()
    one_pixel[5, 3, 3, 2] ^= 1  # of a test image
    one_label[0] = 1
    others = [
        digest(one_pixel),
        digest(y=one_label),
        digest(images[::-1], labels[::-1]),
        digest(images.reshape(6, 2, 8, 3)),
    ]
    assert len({digest(), *others}) == 5
    assert all(len(text) == 16 for text in others)


def test_digits_are_real_fixed_and_stratified() -> None:
    dataset = load_dataset(DataConfig())
    again = load_dataset(DataConfig())
    assert dataset.image_shape == (8, 8, 1)
    assert dataset.class_names == tuple("0123456789")
    assert (len(dataset.train), len(dataset.test)) == (1437, 360)
    # 16, the brightest as stored, is 255.
    assert dataset.train.images.max() == 255
    np.testing.assert_array_equal(dataset.test.images, again.test.images)
    counts = np.bincount(dataset.test.labels)
    assert counts.min() >= 35 and counts.max() <= 37  # 360 in 10 classes


def test_digits_may_be_upscaled() -> None:
    dataset = load_dataset(DataConfig(image_size=16))
    assert dataset.image_shape == (16, 16, 1)
    assert dataset.train.images.shape == (1437, 16, 16, 1)
    assert dataset.train.images.dtype == np.uint8


def test_resizing_down_averages_as_computed_by_hand(tmp_path: Path) -> None:
    # Halving a checkerboard of 2x2 blocks: the antialiased bilinear filter
    # weighs 1, 3, 3, 1 over the blocks 0, 0, 200, 200 of a line.
    line = np.array([0, 0, 200, 200], np.uint8)
    images = np.broadcast_to(line, (6, 4, 4))
    config = _npz(tmp_path, x_train=images, x_test=images[:3])
    small = load_dataset(config.model_copy(update={"image_size": 2}))
    left = 200 * 1 / 7  # at the border, the first weight falls away
    np.testing.assert_array_equal(
        small.train.images[0, :, :, 0],
        np.round([[left, 200 - left]] * 2),
    )


def test_npz_grey_arrays_get_a_channel_axis(tmp_path: Path) -> None:
    arrays = _arrays()
    _holds(load_dataset(_npz(tmp_path)), arrays)


def test_npz_labels_may_be_a_column_and_classes_have_names(
    tmp_path: Path,
) -> None:
    config = _npz(
        tmp_path,
        y_train=_arrays()["y_train"][:, None].astype(np.uint8),
        class_names=np.array(["cat", "dog", "öl", "unseen"]),
    )
    with pytest.warns(UserWarning, match="1 of the 4 classes.*: unseen"):
        dataset = load_dataset(config)
    assert dataset.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert dataset.class_names == ("cat", "dog", "öl", "unseen")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"y_test": None}, "missing: y_test"),
        ({"x_train": np.array([{}, []], object)}, "(no objects)"),
        ({"x_train": np.zeros((6, 5, 4))}, "type float64"),
        ({"x_train": np.full((6, 5, 4), 256)}, "pixels from 256 to 256"),
        ({"x_train": np.full((6, 5, 4), -1)}, "pixels from -1"),
        ({"x_train": np.zeros((6, 20), np.uint8)}, "shape (6, 20)"),
        ({"x_test": np.zeros((0, 5, 4), np.uint8)}, "not empty"),
        ({"x_test": np.full((3, 5, 5), 9, np.uint8)}, "(5, 5, 1) for testing"),
        (
            {"x_test": np.full((3, 5, 4, 3), 9, np.uint8)},
            "(5, 4, 3) for testing",
        ),
        ({"y_train": np.arange(5)}, "5 labels, 6 images"),
        ({"y_train": np.linspace(0, 1, 6)}, "type float64"),
        ({"y_train": np.eye(6, dtype=int)}, "`argmax`"),
        ({"y_train": np.array([0, 1, 2, -1, 0, 0])}, "with label -1"),
        ({"y_train": np.zeros(6, int), "y_test": np.zeros(3, int)}, "two clas"),
        ({"y_test": np.array([0, 1, 3])}, "test label 3"),
        ({"class_names": np.array(["a", "b"])}, "training label 2"),
        ({"class_names": np.array([1, 2, 3])}, "list of texts"),
        ({"class_names": np.array([b"\xff", b"b", b"c"])}, "list of texts"),
        ({"class_names": np.array(["a\n", "b\n", "c\n"])}, "one line"),
        ({"y_test": np.array([0, 1, 2**63], np.uint64)}, "9223372036854775808"),
    ],
)
def test_npz_with_wrong_arrays_is_refused(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    config = _npz(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        load_dataset(config)
    assert expected in str(caught.value)
    assert "Received: " in str(caught.value)


def test_npz_that_is_none_is_refused(tmp_path: Path) -> None:
    config = _npz(tmp_path)
    path = tmp_path / "set.npz"
    whole = path.read_bytes()
    np.save(tmp_path / "one.npy", np.arange(3))
    for broken in (
        whole[: len(whole) // 2],
        whole[:40] + bytes(50) + whole[90:],
        b"text",
        b"",
        (tmp_path / "one.npy").read_bytes(),
    ):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="must be an .npz file"):
            load_dataset(config)


def test_missing_path_and_wrong_kind_of_path_are_refused(
    tmp_path: Path,
) -> None:
    for source in ("npz", "idx", "folder"):
        config = DataConfig(source=source, path=str(tmp_path / "none"))
        with pytest.raises(InputError, match="must exist"):
            load_dataset(config)
    with pytest.raises(InputError, match="must be a file for source 'npz'"):
        load_dataset(DataConfig(source="npz", path=str(tmp_path)))
    (tmp_path / "file").touch()
    for source in ("idx", "folder"):
        config = DataConfig(source=source, path=str(tmp_path / "file"))
        with pytest.raises(InputError, match="must be a folder"):
            load_dataset(config)


def test_batch_and_channels_are_checked_when_loading(tmp_path: Path) -> None:
    config = _npz(tmp_path)
    with pytest.raises(InputError, match="batch_size=7, 6 images"):
        load_dataset(config.model_copy(update={"batch_size": 7}))
    with pytest.raises(InputError, match="images of 1 channels"):
        load_dataset(config.model_copy(update={"mean": (1.0, 2.0, 3.0)}))


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_idx_files_are_read_as_written(tmp_path: Path, suffix: str) -> None:
    arrays = _arrays()
    dataset = load_dataset(_idx(tmp_path, arrays, suffix))
    _holds(dataset, arrays)
    assert dataset.class_names == ("0", "1", "2")


def test_idx_file_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    config = _idx(tmp_path, _arrays())
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    plain = gzip.decompress(whole)
    for broken, expected in (
        (whole[:-9], "must be readable"),
        (b"no gzip", "must be readable"),
        (gzip.compress(plain[:-1]), "59 for the shape (3, 5, 4)"),
        (gzip.compress(plain[:7]), "must begin with the bytes 00 00 08 03"),
        (gzip.compress(b"\0\0\x0d\x03" + plain[4:]), "with 00 00 0d 03"),
        (gzip.compress(b""), "with nothing"),
    ):
        path.write_bytes(broken)
        with pytest.raises(InputError) as caught:
            load_dataset(config)
        assert expected in str(caught.value)
        assert path.name in str(caught.value)
    path.unlink()
    with pytest.raises(InputError, match="has no t10k-images-idx3-ubyte"):
        load_dataset(config)


_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(
    not _FASHION_MNIST.is_dir(), reason="Debian's dataset-fashion-mnist"
)
def test_fashion_mnist_as_debian_installs_it_loads() -> None:
    dataset = load_dataset(DataConfig(source="idx", path=str(_FASHION_MNIST)))
    assert (len(dataset.train), len(dataset.test)) == (60000, 10000)
    assert dataset.image_shape == (28, 28, 1)
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10


@pytest.mark.parametrize("source", ["npz", "idx", "digits"])
def test_grey_is_repeated_for_each_channel(source: str, tmp_path: Path) -> None:
    grey = {"npz": _npz(tmp_path), "digits": DataConfig(source="digits")}.get(
        source
    ) or _idx(tmp_path, _arrays())
    plain = load_dataset(grey)
    colour = load_dataset(
        grey.model_copy(
            update={"channels": 3, "image_size": 9, "mean": (1.0, 2.0, 3.0)}
        )
    )
    assert plain.image_shape[2] == 1
    assert colour.image_shape == (9, 9, 3)
    same = load_dataset(grey.model_copy(update={"image_size": 9}))
    for split, of in ((colour.train, same.train), (colour.test, same.test)):
        np.testing.assert_array_equal(
            split.images, np.repeat(of.images, 3, axis=-1)
        )


def test_channels_of_colour_stay_and_others_are_refused(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0)
    for channels in (3, 4):
        images = {
            key: numbers.integers(0, 256, (count, 5, 4, channels), np.uint8)
            for key, count in (("x_train", 6), ("x_test", 3))
        }
        config = _npz(tmp_path, **images)
        config = config.model_copy(update={"channels": 3})
        if channels == 3:
            assert load_dataset(config).image_shape == (5, 4, 3)
        else:
            with pytest.raises(InputError, match="with 4 channels. Leave it"):
                load_dataset(config)
