"""Which files of a folder are pictures, and what the others are."""

import functools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from atsc_keras.errors import InputError
from atsc_keras.files.pictures import brightest_of_16_bits

SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"),
    *(".bmp", ".dib", ".gif", ".tif", ".tiff"),
)
# What systems and programs leave beside the real files; all other such names
# begin with a dot.
_SIDE_NAMES = (
    *("__macosx", "@eadir", "$recycle.bin", "system volume information"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
)
_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8")
_RIFF, _WEBP = slice(0, 4), slice(8, 12)
_FAINT = 16  # of 256: 12 bits of 16
_LONGEST_LIST = 8  # endings and reasons in one message

Unused = Counter[tuple[str, str]]  # (an ending, or a folder's name), why


def list_pictures(folder: Path, unused: Unused | None = None) -> list[Path]:
    """List the pictures of a folder and of all folders inside, by ending.

    Args:
        folder: may be missing, and then has none.
        unused: is told of all that is no picture.

    Raises:
        InputError: if a folder cannot be read.
    """
    unused = Unused() if unused is None else unused
    # Sorted: the order of a folder differs between machines.
    return sorted(_pictures(folder, unused))


def list_classes(folder: Path, unused: Unused | None = None) -> list[Path]:
    """List the folders of the classes in a folder, by their names.

    Args:
        folder: that is there.
        unused: is told of all that lies beside them.

    Raises:
        InputError: if the folder cannot be read.
    """
    unused = Unused() if unused is None else unused
    folders = []
    for entry in _entries(folder):
        if entry.is_dir() and not _is_hidden(entry):
            folders.append(Path(entry.path))
        else:
            reason = _hidden(entry) or "beside the folders of the classes"
            unused[_what(entry), reason] += 1
    return sorted(folders)


def count_beside(folder: Path, used: tuple[str, ...], unused: Unused) -> None:
    """Count what lies in a folder beside the entries that are used.

    Raises:
        InputError: if the folder cannot be read.
    """
    for entry in _entries(folder):
        if entry.name not in used:
            reason = _hidden(entry) or f"beside {' and '.join(used)}"
            unused[_what(entry), reason] += 1


def describe(unused: Unused) -> str:
    """Say how many files of which ending are not used, and why; "" if none."""
    named = unused.most_common(_LONGEST_LIST)
    parts = [f"{count} {what} ({why})" for (what, why), count in named]
    if len(unused) > len(named):
        others = unused.total() - sum(count for _, count in named)
        parts.append(f"{others} others")
    return ", ".join(parts)


def say_unused(folder: Path, unused: Unused) -> None:
    """Note once what of a folder is not used, if anything."""
    if unused:
        _say_once(f"Not used in {folder}: {describe(unused)}.")


def say_if_faint(folder: Path, pictures: Sequence[Path]) -> None:
    """Note once if pictures of 16 bits hold the numbers of 12 or fewer.

    Raises:
        InputError: if one that is looked at cannot be read.
    """
    brightest = brightest_of_16_bits(pictures)
    if brightest is not None and brightest < _FAINT:
        _say_once(
            f"Pictures of 16 bits in {folder} are nearly black: none that was "
            f"looked at goes beyond {brightest} of 255. If they are of 12 "
            "bits, multiply their numbers by 16."
        )


@functools.cache
def _say_once(note: str) -> None:
    print(note, flush=True)


def _pictures(folder: Path, unused: Unused) -> Iterator[Path]:
    waiting, seen = [folder] if folder.is_dir() else [], set()
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above
            continue
        seen.add(real)
        for entry in _entries(folder):
            reason = _hidden(entry)
            if not reason and entry.is_dir():
                waiting.append(Path(entry.path))
            elif reason := reason or _why_not(entry):
                unused[_what(entry), reason] += 1
            else:
                yield Path(entry.path)


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise InputError(
            "A folder of images must be readable, with all inside. Received: "
            f"{folder} ({error.strerror}). Change its rights, or move it away."
        ) from error


def _is_hidden(entry: "os.DirEntry[str]") -> bool:
    name = entry.name
    return name.startswith(".") or name.lower() in _SIDE_NAMES


def _hidden(entry: "os.DirEntry[str]") -> str:
    return "hidden" if _is_hidden(entry) else ""


def _what(entry: "os.DirEntry[str]") -> str:
    if entry.is_dir():
        return f"folder {entry.name}"
    return Path(entry.name).suffix.lower() or "without an ending"


def _why_not(entry: "os.DirEntry[str]") -> str:
    if not entry.is_file():  # a pipe or device, a link to nothing
        return "no file"
    if Path(entry.name).suffix.lower() in SUFFIXES:
        return ""
    try:
        with open(entry.path, "rb") as file:
            start = file.read(_WEBP.stop)
    except OSError:
        return "not readable"
    webp = start[_RIFF] == b"RIFF" and start[_WEBP] == b"WEBP"
    if webp or start.startswith(_STARTS):
        return "a picture by its content: end its name with .png or .jpg"
    return "not read as a picture"
