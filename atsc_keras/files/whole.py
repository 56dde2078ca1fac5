"""A file or folder that is there whole, or as it was."""

import contextlib
import os
import shutil
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
)
from pathlib import Path
from typing import Any

from atsc_keras.errors import InputError, WriteError, is_full_disk, named

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
    except Exception as error:  # libraries word a full disk in many ways
        if isinstance(error, OSError) or is_full_disk(error):
            raise WriteError(path, error) from error
        raise


@contextlib.contextmanager
def folder_written_whole(
    folder: Path, what: str, own: Collection[str] = ()
) -> Iterator[Path]:
    """Give a folder beside another, whose place it takes at the end.

    Args:
        folder: to make, or to replace.
        what: how a message calls it, such as "--out".
        own: files in `folder` that go with it, by their paths from there;
            with any other it stays. Default: none.

    Yields:
        The folder to fill; after an error nothing of it is left, and
        `folder` is as it was.

    Raises:
        InputError: if it cannot be written, or has got other files meanwhile.
    """
    restore(folder)
    beside, former = _beside(folder)
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        check_nothing_else(folder, own, what)
        if folder.exists():
            shutil.copymode(folder, beside)
            folder.rename(former)
        beside.rename(folder)
    except OSError as error:
        raise InputError(
            f"{what} must be a folder that can be written. "
            f"Received: {folder} ({error.strerror}). Name another folder."
        ) from error
    finally:
        restore(folder)
        shutil.rmtree(beside, ignore_errors=True)


def restore(folder: Path) -> None:
    """Bring to an end what a kill has stopped in the midst of a replacing."""
    _, former = _beside(folder)
    if former.is_dir() and not folder.exists():
        former.rename(folder)
    shutil.rmtree(former, ignore_errors=True)


def _beside(folder: Path) -> tuple[Path, Path]:
    """Name what is to take a folder's place, and what has left it."""
    new, former = (f"{PART}{x}{folder.name}" for x in ("", "former-"))
    return folder.with_name(new), folder.with_name(former)


def check_nothing_else(folder: Path, own: Collection[str], what: str) -> None:
    """Check that a folder holds nothing that would be lost with it.

    Args:
        folder: that is to be replaced.
        own: files that may go, by their paths from there.
        what: how a message calls the folder, such as "--out".

    Raises:
        InputError: if it holds any other; all are named.
    """
    others = [name for name in files_in(folder) if name not in own]
    if others:
        raise InputError(
            "A folder that is replaced must hold what an earlier call wrote, "
            f"and nothing else. Received: {what}={folder}, which also holds "
            f"{named(others)}. Move what is yours, or name another folder."
        )


def files_in(folder: Path) -> list[str]:
    """List paths of all files from a folder on, in order; none without it."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove files, and the folders that they leave empty.

    Args:
        folder: that holds them.
        names: paths from there; what a link leads out of it to stays.
    """
    for name in names:
        parents = Path(name).parents[:-1]
        if any((folder / parent).is_symlink() for parent in parents):
            continue
        (folder / name).unlink(missing_ok=True)
        for parent in parents:
            with contextlib.suppress(OSError):  # not empty, or gone
                (folder / parent).rmdir()
