"""What is written is there whole or as it was, and nothing else is touched."""

import contextlib
from pathlib import Path

import pytest

from atsc_keras.errors import InputError, WriteError
from atsc_keras.files.whole import (
    files_in,
    folder_written_whole,
    remove_files,
    restore,
    write_whole,
)


def renew(folder: Path, names: list[str], own: list[str]) -> None:
    with folder_written_whole(folder, "--out", own) as beside:
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


def test_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "saved_model/assets").mkdir(parents=True)  # nothing to keep
    renew(folder, ["a", "b", "sub/c"], [])
    folder.chmod(0o750)
    renew(folder, ["a", "sub/d"], ["a", "b", "sub/c", "gone"])
    assert files_in(tmp_path) == ["f/a", "f/sub/d"]
    assert folder.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("name", ["mine", "sub/mine", "link"])
def test_what_came_meanwhile_stays_with_all_else(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "f"
    renew(folder, ["a", "sub/b"], [])
    before = files_in(folder)
    with pytest.raises(InputError, match=f"also holds {name}"):
        with folder_written_whole(folder, "--out", before) as beside:
            (beside / "a").write_text("newer")
            if name == "link":
                (folder / name).symlink_to(tmp_path)
            else:
                (folder / name).write_text("mine")
    assert (folder / "a").read_text() == "new"
    assert files_in(tmp_path) == [f"f/{x}" for x in sorted([*before, name])]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), KeyError("x"), KeyboardInterrupt()]
)
def test_failed_folder_leaves_the_earlier_one(
    error: BaseException, tmp_path: Path
) -> None:
    folder = tmp_path / "f"
    renew(folder, ["a", "b"], [])
    caught = InputError if isinstance(error, OSError) else type(error)
    with pytest.raises(caught):
        with folder_written_whole(folder, "--out", ["a", "b"]) as beside:
            (beside / "a").write_text("half")
            raise error
    assert files_in(tmp_path) == ["f/a", "f/b"]
    assert (folder / "a").read_text() == "new"


@pytest.mark.parametrize("renamings", [0, 1, 2])
@pytest.mark.parametrize("killed", [True, False])
def test_stopped_replacing_leaves_the_old_or_the_new_whole(
    renamings: int,
    killed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "f"
    old, new = ["a", "b"], ["a", "c"]
    renew(folder, old, [])
    rename, done = Path.rename, []

    def stop_once(path: Path, target: Path) -> Path:
        done.append(path)
        if len(done) == renamings + 1:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(Path, "rename", stop_once)
        if killed:  # nothing tidies up
            patch.setattr("atsc_keras.files.whole.restore", lambda _: None)
        if renamings < 2:
            stack.enter_context(pytest.raises(KeyboardInterrupt))
        renew(folder, new, old)
    if killed:
        restore(folder)
    assert files_in(folder) == (new if renamings == 2 else old)
    assert not list(tmp_path.glob(".part-former-*"))
    renew(folder, new, files_in(folder))  # and it can be done again
    assert files_in(tmp_path) == ["f/a", "f/c"]


def test_links_lead_no_deletion_out_of_a_folder(tmp_path: Path) -> None:
    folder, outside = tmp_path / "f", tmp_path / "outside"
    outside.mkdir()
    folder.mkdir()
    (outside / "mine").write_text("mine")
    (folder / "sub").symlink_to(outside)
    (folder / "link").symlink_to(outside / "mine")
    remove_files(folder, ["sub/mine", "link"])
    assert files_in(tmp_path) == ["f/sub", "outside/mine"]
