"""What unpacks to more than there is room for is refused before it does."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from atsc_keras.config import DataConfig
from atsc_keras.data import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.files import sizes
from atsc_keras.files.model_files import check_model_file
from atsc_keras.files.pictures import read_npz, read_npz_forms


def bomb(path: Path, *names: str) -> Path:
    """A zip file of members of zeros, 64 MiB each: a thousandth of it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, bytes(2**26))
    return path


def lying(path: Path, shape: tuple[int, ...]) -> Path:
    """An npz file whose header promises another shape than it holds."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", header.getvalue() + bytes(1000))
    return path


def sparse(path: Path | io.BytesIO) -> Path | io.BytesIO:
    """An HDF5 file of weights that nothing was written of."""
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (10**12,), "float32", chunks=(1000,))
    return path


def test_free_memory_is_that_of_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "_GROUPS", tmp_path)
    machine = sizes.free_memory()
    assert machine > 2**20
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    assert sizes.free_memory() > 2**20
    (tmp_path / "memory.max").write_text("1005\n")
    assert sizes.free_memory() == 1000
    with pytest.raises(ValueError, match="where 1000 bytes of memory are free"):
        sizes.check_declared(1001, 1001)
    with pytest.raises(ValueError, match="1000 times its 1.0 KiB"):
        sizes.check_declared(2**30, 2**10)
    sizes.check_declared(1000, 1)


def test_npz_that_unpacks_to_a_thousand_times_its_size_is_refused(
    tmp_path: Path,
) -> None:
    path = bomb(tmp_path / "d.npz", "x_train.npy", "other.bin")
    for read in (read_npz, read_npz_forms):
        with pytest.raises(ValueError, match="would unpack to 128.0 MiB"):
            read(path)
    config = DataConfig(source="npz", path=str(path))
    with pytest.raises(InputError, match="would unpack to"):
        load_dataset(config)


@pytest.mark.parametrize(
    "shape", [(10**6, 1024, 1024, 3), (2**62, 2**62), (-1, 5), (10**9,)]
)
def test_header_that_lies_is_refused(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    with pytest.raises(ValueError):
        read_npz(lying(tmp_path / "d.npz", shape))


def test_pipes_and_devices_are_no_npz(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "pipe.npz", Path("/dev/zero"), tmp_path / "none"):
        with pytest.raises(ValueError, match="no file"):
            read_npz(path)


def test_model_that_unpacks_to_a_thousand_times_its_size_is_refused(
    tmp_path: Path,
) -> None:
    path = bomb(tmp_path / "m.keras", "config.json", "model.weights.h5")
    with pytest.raises(InputError, match="m.keras, which would unpack to 128"):
        check_model_file(path)


def test_weights_that_promise_terabytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which would unpack to"):
        check_model_file(sparse(tmp_path / "m.h5"))
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "m.keras", "w", kind) as archive:
            archive.writestr("config.json", "{}")
            held = sparse(io.BytesIO())
            archive.writestr("model.weights.h5", held.getvalue())
        with pytest.raises(InputError, match="which would unpack to"):
            check_model_file(tmp_path / "m.keras")


@pytest.mark.parametrize("count", [10**9, 2**32 - 1, 1])
def test_idx_file_is_read_as_far_as_its_header_says(
    count: int, tmp_path: Path
) -> None:
    said = count.to_bytes(4, "big")
    images = bytes([0, 0, 8, 3]) + said + bytes([0, 0, 0, 9]) * 2
    labels = bytes([0, 0, 8, 1]) + said
    for split in ("train", "t10k"):
        for kind, data in (("images-idx3", images), ("labels-idx1", labels)):
            path = tmp_path / f"{split}-{kind}-ubyte.gz"
            # It unpacks to 64 MB, whatever it says.
            path.write_bytes(gzip.compress(data + bytes(2**26), 1))
    config = DataConfig(source="idx", path=str(tmp_path), batch_size=1)
    with pytest.raises(InputError, match="would unpack|bytes as its header"):
        load_dataset(config)
