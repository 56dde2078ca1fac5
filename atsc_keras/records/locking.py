"""One writer a folder."""

import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from atsc_keras.errors import BusyError, WriteError
from atsc_keras.files.whole import write_whole
from atsc_keras.processes import command

LOCK = ".writer.lock"
WRITER = "writer.json"
LOCKED = frozenset({LOCK, WRITER})


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Let no other process write to a folder meanwhile.

    The lock is the operating system's, which frees it when its process ends,
    in whatever way. Where the disk has no locks, a file that names the
    process stands for it.

    Args:
        folder: that exists.

    Raises:
        BusyError: if another process writes to it; that one is named.
        WriteError: if it cannot be locked.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a disk has no locks
            lock.acquire()
    except Timeout:
        raise BusyError(folder, _writer(folder)) from None
    except (OSError, NotImplementedError) as error:
        cause = error if isinstance(error, OSError) else OSError(str(error))
        raise WriteError(folder / LOCK, cause) from error
    try:
        words = {
            "host": socket.gethostname(),
            "process": os.getpid(),
            "command": " ".join(command()),
        }
        write_whole(
            folder / WRITER,
            lambda path: path.write_text(json.dumps(words) + "\n", "utf-8"),
        )
        yield
    finally:
        # Before it is released: who waits for the old file sees it gone.
        for name in (WRITER, LOCK):
            with suppress(OSError):
                (folder / name).unlink(missing_ok=True)
        lock.release()


def _writer(folder: Path) -> str:
    """Say who writes to a folder, in words."""
    try:
        words = json.loads((folder / WRITER).read_text("utf-8"))
        return (
            f"process {words['process']} on {words['host']} "
            f"({words['command']})"
        )
    except Exception:  # has just begun, or the file is somebody else's
        return "another process"
