"""What was wrong: the exceptions for user and disk, and reasons."""

import errno
import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = [
    "BusyError",
    "DivergedError",
    "InputError",
    "MeasurementError",
    "OutOfMemoryError",
    "TerminatedError",
    "WriteError",
]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# How frameworks say the same, in errors of many kinds.
_NO_ROOM = re.compile(
    r"No space left on device|Disk quota exceeded|File too large"
    r"|No usable temporary directory"
)
_NO_MEMORY = re.compile(
    r"resource_exhausted|out of memory|out_of_memory|oom when|unable to "
    r"allocate|failed to allocate|can(no|')t allocate|alloc_failed|bad_alloc",
    re.IGNORECASE,
)
_MEMORY_ERRORS = ("OutOfMemoryError", "ResourceExhaustedError")
_DEEPEST = 20  # causes of causes


class InputError(ValueError):
    """Something that the user gave cannot be used.

    The message is complete: the rule, `Received:` with what was given, and
    the way out. The command line prints it as it is and exits with 2.
    """


class BusyError(InputError):
    """Another process writes to the folder.

    Args:
        folder: that is taken.
        writer: that process in words.
    """

    def __init__(self, folder: Path, writer: str) -> None:
        super().__init__(
            "A run folder must have one writer at a time. Received: "
            f"{folder}, which {writer} is writing to. Wait for its end, or "
            "name another --run-dir."
        )


class WriteError(OSError):
    """A file of a run could not be written; what was there is untouched.

    The message is complete; the command line prints it and exits with 1.

    Args:
        path: of the file.
        cause: why not.

    Attributes:
        reason: the same in a few words.
        is_for_room: whether the disk, or what one may use of it, is full.
    """

    def __init__(self, path: Path, cause: Exception) -> None:
        full = cause_of_full_disk(cause)
        said = full or cause
        self.reason = getattr(said, "strerror", None) or first_line(said)
        self.is_for_room = full is not None
        received = f"Received: {path} ({self.reason}). "
        if getattr(cause, "errno", None) == errno.ENOENT:
            rest = "What it held is lost. Let the folder stay, and run again."
        else:
            is_taken = getattr(cause, "errno", None) == errno.EEXIST
            way_out = "Move it away" if is_taken else "Make it writable"
            way_out = "Make room" if self.is_for_room else way_out
            rest = (
                "What was written before is whole, the last checkpoint too. "
                f"{way_out} and run again; --resume goes on with what was "
                "trained."
            )
        super().__init__(
            f"A run must be able to write its files. {received}{rest}"
        )


class DivergedError(RuntimeError):
    """A loss or weight was not finite; the last checkpoint is from before.

    The message is complete; the command line prints it and exits with 1.
    """


class MeasurementError(RuntimeError):
    """A step of a benchmark failed in its own process.

    The message is complete; the command line prints it and exits with 1.
    """


class OutOfMemoryError(RuntimeError):
    """The memory of the machine or the accelerator was too small.

    The message is complete; the command line prints it and exits with 1.
    """


class TerminatedError(SystemExit):
    """A signal has ended the job; what the run folder holds is whole.

    Not an `Exception`: nothing that looks for mistakes should catch it.

    Args:
        number: of the signal; default: SIGTERM.

    Attributes:
        way_out: how to go on, in a sentence; may be empty.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(128 + number)  # as a shell reports it
        self.number = number
        self.way_out = ""

    @property
    def words(self) -> str:
        """What happened, and how to go on."""
        name = signal.Signals(self.number).name
        name = "Ctrl-C" if name == "SIGINT" else name
        return f"Stopped by {name}. {self.way_out}".strip()


def shortened(text: str, longest: int = 100) -> str:
    """Cut a text that a message repeats.

    Args:
        text: as it was given.
        longest: characters that are shown; default 100.
    """
    return text if len(text) <= longest else f"{text[:longest]}..."


def named(names: Sequence[str], most: int = 8) -> str:
    """Put names into words, at most so many."""
    more = len(names) - most
    rest = f" and {more} more" if more > 0 else ""
    return ", ".join(names[:most]) + rest


def too_long(error: BaseException) -> str:
    """Say that a path has a name that no file system takes."""
    name = shortened(str(getattr(error, "filename", None) or error))
    return (
        "A path must be of names that the file system takes, of 255 bytes at "
        f"most. Received: {name}. Use a shorter one."
    )


def first_line(error: BaseException) -> str:
    """Take the first line of what an exception says."""
    return (str(error).strip() or repr(error)).splitlines()[0]


def is_full_disk(error: BaseException) -> bool:
    """Tell whether a full disk is behind an error, of whatever kind."""
    return cause_of_full_disk(error) is not None


def cause_of_full_disk(error: BaseException) -> BaseException | None:
    """Find what says of a full disk among the causes of an error."""
    for cause in _causes(error):
        is_full = getattr(cause, "errno", None) in _FULL
        if is_full or _NO_ROOM.search(str(cause)):
            return cause
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory's end is behind an error of any framework."""
    return not is_full_disk(error) and any(
        isinstance(cause, MemoryError)
        or getattr(cause, "errno", None) == errno.ENOMEM
        or any(kind.__name__ in _MEMORY_ERRORS for kind in type(cause).__mro__)
        or _NO_MEMORY.search(str(cause))
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """List an error, and what it was raised from or while handling."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def __dir__() -> list[str]:
    return __all__
