"""Signals that end a job, and the processes that end with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from atsc_keras.errors import TerminatedError

_NUMBERS = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGHUP")
    if hasattr(signal, name)
)
_IMPATIENT = 1.0  # seconds after which a second Ctrl-C ends at once
_SOON = 0.05  # seconds until what was dropped is raised again
_LONGEST_END = 10.0  # seconds until another program has cleaned up
_BETWEEN_LOOKS = 0.1  # seconds
_PARENT = "ATSC_PARENT_PROCESS"  # variable with the number of who started it


class _Ending:
    """Answers signals by ending the job.

    Remembers them: Python drops an exception that is raised in a destructor
    or a callback of its garbage collector, and those of frameworks take their
    time. What was dropped is raised again.

    Attributes:
        came: number of the signal that ends the job; 0 before.
        is_held: whether a loop looks at `came` by itself.
    """

    def __init__(self) -> None:
        self.came = 0
        self.is_held = False
        self._since = 0.0
        self._is_raised = False
        self._is_over = False
        self._again: threading.Timer | None = None
        self._hook = sys.unraisablehook

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.came:
            self.came, self._since = number, time.monotonic()
        waited = time.monotonic() - self._since
        is_impatient = number == signal.SIGINT and waited > _IMPATIENT
        # Cleaning up takes its time too.
        is_noted = self.is_held or self._is_raised
        if not self._is_over and (is_impatient or not is_noted):
            self._is_raised = True
            raise TerminatedError(self.came)

    def on_dropped(self, found: "sys.UnraisableHookArgs") -> None:
        """Raise once more what Python was about to forget."""
        if not isinstance(found.exc_value, TerminatedError):
            self._hook(found)
            return
        self._is_raised = False
        main = threading.main_thread().ident
        self._again = threading.Timer(
            _SOON, signal.pthread_kill, (main, self.came)
        )
        self._again.daemon = True
        self._again.start()

    def end(self) -> None:
        """Answer no more."""
        self._is_over = True
        if self._again is not None:
            self._again.cancel()
            self._again.join()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM, SIGHUP and Ctrl-C end the job, while it lasts.

    Files are written whole or not at all, so that it may end anywhere; only
    training, which would lose work, asks for the end of its batch first. What
    a shell has told to be ignored stays so, and other threads change nothing.

    Raises:
        TerminatedError: if one of them comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ending = _Ending()
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    hook = sys.unraisablehook
    try:
        sys.unraisablehook = ending.on_dropped
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, ending)
        yield
    finally:
        ending.end()
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook


@contextmanager
def signals_held_back(processes: int) -> Iterator[Callable[[], int]]:
    """Note signals only, while it lasts, if they would end the job.

    In a program that answers them in its own way, nothing changes. A second
    Ctrl-C ends the job at once.

    Args:
        processes: that train together. Several would not all stop at the
            same batch: a signal ends them at once.

    Yields:
        Tells the number of the signal that has come; 0 = none.

    Raises:
        TerminatedError: at the end, if one has come; at once, if it came
            before.
    """
    ending = signal.getsignal(signal.SIGTERM)
    if not isinstance(ending, _Ending) or processes > 1:
        yield lambda: 0
        return
    if not ending.came:
        ending.is_held = True
        try:
            yield lambda: ending.came
        finally:
            ending.is_held = False
    if ending.came:
        raise TerminatedError(ending.came)


# === Other processes ===


def run_process(
    words: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    **streams: Any,
) -> tuple[int, str, str]:
    """Run another program to its end.

    Where this one is to end before, that one cleans up and ends first.

    Args:
        words: of its command.
        env: its environment; default: ours.
        **streams: as for `subprocess.Popen`.

    Returns:
        Its exit status, and what it wrote to stdout and to stderr, where these
        are pipes.
    """
    env = {**(env or os.environ), _PARENT: str(os.getpid())}
    with subprocess.Popen(words, text=True, env=env, **streams) as process:
        try:
            said, errors = process.communicate()
        except BaseException:
            process.terminate()
            try:
                process.wait(_LONGEST_END)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    return process.returncode, said or "", errors or ""


def end_with_parent() -> None:
    """Let a process of `run_process` end soon after ours, which was killed.

    One that somebody else has started is left alone.
    """
    parent = os.environ.pop(_PARENT, None)
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
