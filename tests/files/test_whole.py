"""What is written is there whole or as it was, and nothing else is touched."""

from pathlib import Path

import pytest

from atsc_keras.errors import InputError, WriteError
from atsc_keras.files.whole import files_in, folder_written_whole, write_whole


def renew(folder: Path, names: list[str], own: list[str]) -> None:
    with folder_written_whole(folder, "--out", "a", own) as beside:
        for name in names:
            (beside / name).parent.mkdir(exist_ok=True)
            (beside / name).write_text("new")


def test_failed_file_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "f.txt"
    write_whole(path, lambda place: place.write_text("one"))

    def fail(place: Path) -> None:
        place.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(WriteError, match="No space left") as error:
        write_whole(path, fail)
    assert error.value.is_for_room
    assert path.read_text() == "one"
    assert files_in(tmp_path) == ["new/f.txt"]


def test_own_files_are_replaced_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    renew(folder, ["a", "b", "sub/c", "sub/d", "gone/e"], [])
    (folder / "sub" / "mine").write_text("mine")
    (folder / "b").write_text("mine")
    renew(folder, ["a", "sub/d"], ["a", "sub/c", "sub/d", "gone/e"])
    assert files_in(folder) == ["a", "b", "sub/d", "sub/mine"]
    assert (folder / "b").read_text() == "mine"
    assert not (folder / "gone").exists()
    assert files_in(tmp_path) == [f"f/{name}" for name in files_in(folder)]


def test_failed_folder_leaves_the_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    renew(folder, ["a", "b"], [])
    for error, caught in (
        (OSError(28, "No space left on device"), InputError),
        (KeyError("x"), KeyError),
    ):
        with pytest.raises(caught):
            with folder_written_whole(folder, "--out", "a", ["a"]) as beside:
                (beside / "a").write_text("half")
                raise error
        assert files_in(tmp_path) == ["f/a", "f/b"]
        assert (folder / "a").read_text() == "new"


def test_marker_is_the_first_to_go_and_the_last_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "f"
    renew(folder, ["a", "b", "c"], [])
    (folder / "b").unlink()
    (folder / "b").mkdir()  # stops the replacing in its middle
    with pytest.raises(InputError, match="can be written"):
        renew(folder, ["a", "b", "c"], ["c", "b", "a"])
    assert files_in(folder) == []
