"""A folder that is there whole, or as it was."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from atsc_keras.errors import InputError


@contextlib.contextmanager
def written_whole(folder: Path, what: str) -> Iterator[Path]:
    """Give a folder beside another, and put it in its place at the end.

    Args:
        folder: to make, or to replace.
        what: how a message calls it, such as "--out".

    Yields:
        The folder to fill; after an error nothing of it is left.

    Raises:
        InputError: if it cannot be written.
    """
    beside = folder.with_name(f".part-{folder.name}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    except OSError as error:
        raise InputError(
            f"{what} must be a folder that can be written. "
            f"Received: {folder} ({error.strerror}). Name another folder."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
