"""A file or folder that is there whole, or as it was."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from atsc_keras.errors import InputError, WriteError

PART = ".part-"  # begins the name of what is being written


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a file beside `path`, then rename it there.

    The name keeps its suffix, which Keras insists on.

    Args:
        path: of the file; its folder is made.
        write: is given the path to write to.

    Raises:
        WriteError: if that fails; `path` is then as it was.
    """
    beside = path.with_name(f"{PART}{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(beside)
            with open(beside, "rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(path, error) from error


@contextlib.contextmanager
def folder_written_whole(
    folder: Path, what: str, marker: str, own: Iterable[str] = ()
) -> Iterator[Path]:
    """Give a folder beside another; at the end its files take their places.

    Args:
        folder: to make, or to renew.
        what: how a message calls it, such as "--out".
        marker: the file that tells that the others are whole: the first to
            go and the last to come.
        own: files in `folder`, by their paths from there, that the new ones
            replace. All others stay; default: none.

    Yields:
        The folder to fill; after an error nothing of it is left, and
        `folder` is as it was.

    Raises:
        InputError: if it cannot be written.
    """
    beside = folder.with_name(f"{PART}{folder.name}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        if folder.exists():
            remove_files(folder, sorted(own, key=lambda name: name != marker))
            _move(beside, folder, marker)
        else:
            beside.rename(folder)
    except OSError as error:
        raise InputError(
            f"{what} must be a folder that can be written. "
            f"Received: {folder} ({error.strerror}). Name another folder."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def files_in(folder: Path) -> list[str]:
    """List paths of all files from a folder on, in order; none without it."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove files, and the folders that they leave empty."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
        for parent in Path(name).parents[:-1]:
            with contextlib.suppress(OSError):  # not empty, or gone
                (folder / parent).rmdir()


def _move(beside: Path, folder: Path, marker: str) -> None:
    for name in sorted(files_in(beside), key=lambda name: name == marker):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(beside / name, folder / name)
