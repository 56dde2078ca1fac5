"""How a program ends: with one message and a status, whatever ends it."""

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NoReturn, TextIO

from atsc_keras.errors import (
    InputError,
    TerminatedError,
    cause_of_full_disk,
    first_line,
    is_out_of_memory,
    too_long,
)
from atsc_keras.packages import missing_package
from atsc_keras.signals import ended_by_signals

_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)  # who read has left


@contextmanager
def ended_in_one_message() -> Iterator[None]:
    """Let a program end with one message and a status, and no traceback.

    2 for wrong input, 1 for what failed, 128 and the signal's number for what
    a signal ended. What nobody foresaw keeps its traceback. While it lasts
    SIGTERM, SIGHUP and Ctrl-C raise `TerminatedError`, and what is printed to
    a pipe that nobody reads is dropped.

    Raises:
        SystemExit: with the status.
    """
    with enduring_output() as lost:
        try:
            with ended_by_signals():
                yield
        except (TerminatedError, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt):
                error = TerminatedError(signal.SIGINT)
            print(f"\n{error.words}", file=sys.stderr)
            sys.exit(error.code)
        except SystemExit as error:
            if error.code or not lost:
                raise
        except InputError as error:
            words = error.__cause__ and _words_of_machine(error.__cause__)
            _end(1 if words else 2, words or error)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "atsc_keras":
                raise
            _end(2, missing_package(error))
        except Exception as error:
            if getattr(error, "errno", None) == errno.ENAMETOOLONG:
                _end(2, too_long(error))
            words = _words(error)
            if words is None:
                raise
            _end(1, words)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
        if lost:
            _end(1, f"What is printed must have room. Received: {lost[0]}.")


def _words(error: Exception) -> str | None:
    """Say what is known of an error; None of one that nobody foresaw."""
    if type(error).__module__.partition(".")[0] == "atsc_keras":
        return str(error)
    if words := _words_of_machine(error):
        return words
    if isinstance(error, OSError) and error.filename is not None:
        return (
            "A file must be there to be read or written. Received: "
            f"{error.filename} ({error.strerror}). Correct that and run again."
        )
    return None


def _words_of_machine(error: BaseException) -> str | None:
    """Say what the machine lacks, if that is behind an error."""
    if full := cause_of_full_disk(error):
        return (
            "There must be room on the disk. Received: "
            f"{first_line(full)}. Make room, in the folder of temporary files "
            "too, and run again."
        )
    if is_out_of_memory(error):
        return (
            "The work must fit in memory. Received: "
            f"{first_line(error)}. Take smaller batches or images, or free "
            "memory."
        )
    return None


def _end(status: int, error: object) -> NoReturn:
    print(f"Error: {error}", file=sys.stderr)
    sys.exit(status)


# === Output ===


class _Enduring(io.RawIOBase):
    """A stream's file that may vanish without harm to who writes to it.

    Args:
        file: its number.
        lost: gets why something could not be written, but for that nobody
            reads it.
    """

    def __init__(self, file: int, lost: list[str]) -> None:
        self._file, self._lost = file, lost

    def fileno(self) -> int:
        return self._file

    def isatty(self) -> bool:
        return os.isatty(self._file)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        left = memoryview(data)
        size = left.nbytes
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            if error.errno in _GONE:
                # For the frameworks' own words and for other processes too.
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._file)
                os.close(nowhere)
            elif not self._lost:
                self._lost.append(error.strerror or str(error))
        return size


@contextmanager
def enduring_output() -> Iterator[list[str]]:
    """Let nobody fail because of who reads what is printed.

    A closed pipe or terminal is no reason to lose a training. A stream that
    was closed from the start becomes one that nobody reads.

    Yields:
        Why something printed was lost, in another way: a full disk.
    """
    lost: list[str] = []
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None:
                nowhere = open(os.devnull, "w", encoding="utf-8")
                stack.enter_context(nowhere)
                _replace(stack, name, nowhere)
            elif stream is getattr(sys, f"__{name}__"):
                with suppress(OSError, ValueError):
                    stream.flush()
                    raw = _Enduring(stream.fileno(), lost)
                    _replace(stack, name, _like(stream, raw))
        yield lost


def _like(stream: Any, raw: Any) -> TextIO:
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _replace(stack: ExitStack, name: str, stream: TextIO) -> None:
    stack.callback(setattr, sys, name, getattr(sys, name))
    stack.callback(_flush, stream)
    setattr(sys, name, stream)


def _flush(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        stream.flush()
