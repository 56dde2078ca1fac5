"""What a model file is, is told by its content."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from atsc_keras.errors import InputError
from atsc_keras.files.model_files import check_model_file


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.keras", b"", "is empty"),
        ("m.keras", b"PK\x03\x04" + bytes(99), "is cut short"),
        ("m.keras", b"version https://git-lfs.github.com", "git lfs pull"),
        ("m.keras", b"\n<!DOCTYPE html>", "web page"),
        ("m.json", b'{"class_name": "Functional"}', "layers without weights"),
        ("m.pt", b"\x80\x02\x8a\nl", "PyTorch"),
        ("m.keras", b"\x1c\0\0\0TFL3" + bytes(9), "TFLite.*was made from"),
        ("m.onnx", b"\x08\x0a\x12", "ONNX file.*was made from"),
        ("m.bin", b"abc", "begins with 'abc'.*model.save"),
    ],
)
def test_other_files_are_named(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^MODEL must be.*{said}"):
        check_model_file(path, "MODEL")


def test_other_archives_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", x=np.zeros(2))
    with pytest.raises(InputError, match="npz"):
        check_model_file(tmp_path / "m.npz")
    for inside, said in (("a/data.pkl", "PyTorch"), ("b", "without config")):
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
            archive.writestr(inside, "x")
        with pytest.raises(InputError, match=said):
            check_model_file(tmp_path / "m.keras")


def test_folders_are_named(tmp_path: Path) -> None:
    def refusal() -> str:
        with pytest.raises(InputError) as error:
            check_model_file(tmp_path)
        return str(error.value)

    assert "is a folder. Name the file in it" in refusal()
    (tmp_path / "student.keras").touch()
    assert "Give one of its files: student.keras" in refusal()
    (tmp_path / "saved_model.pb").touch()
    assert "is a SavedModel folder" in refusal()
    (tmp_path / "keras_metadata.pb").touch()
    assert "of Keras 2" in refusal()


def test_missing_path_and_pipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="m.keras, which does not exist"):
        check_model_file(tmp_path / "m.keras")
    with pytest.raises(InputError, match="pipe or device"):
        check_model_file(Path("/dev/null"))


def test_what_loads_is_told_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    assert check_model_file(tmp_path / "m.keras") == "hdf5"
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("config.json", json.dumps({}))
    assert check_model_file(tmp_path / "m.zip") == "zip"
