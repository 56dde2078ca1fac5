"""SIGTERM, by which a machine says that it will be taken away."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from atsc_keras.errors import TerminatedError


class _Ending:
    """Answers SIGTERM by ending the job.

    Remembers it: Python drops an exception that is raised in a destructor,
    and those of frameworks take their time.
    """

    came = False

    def __call__(self, *_: Any) -> NoReturn:
        self.came = True
        raise TerminatedError


@contextmanager
def ended_by_sigterm(run_dir: Path) -> Iterator[None]:
    """Let SIGTERM end the job with status 143 and one message, while it lasts.

    Files are written whole or not at all, so that it may end anywhere; only
    training, which would lose work, asks for the end of its batch first.

    Args:
        run_dir: folder of the job, named in the message.

    Raises:
        TerminatedError: if SIGTERM comes.
    """
    before = signal.signal(signal.SIGTERM, _Ending())
    try:
        yield
    except TerminatedError:
        print(
            f"\nStopped by SIGTERM. The run in {run_dir} goes on from here "
            "with --resume.",
            file=sys.stderr,
        )
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def sigterm_held_back(processes: int) -> Iterator[Callable[[], bool]]:
    """Note SIGTERM only, while it lasts, if it would end the job.

    In a program that answers SIGTERM in its own way, nothing changes.

    Args:
        processes: that train together. Several would not all stop at the
            same batch: SIGTERM ends them at once, as before.

    Yields:
        Says whether it has come.

    Raises:
        TerminatedError: at the end, if it has come; at once, if it came
            before and was lost.
    """
    came: list[bool] = []
    ending = signal.getsignal(signal.SIGTERM)
    if not isinstance(ending, _Ending) or processes > 1:
        yield lambda: False
        return
    if ending.came:
        raise TerminatedError
    signal.signal(signal.SIGTERM, lambda *_: came.append(True))
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGTERM, ending)
    if came:
        raise TerminatedError
