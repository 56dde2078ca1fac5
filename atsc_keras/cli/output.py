"""What commands print, or not."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

from atsc_keras.errors import TerminatedError
from atsc_keras.processes import command
from atsc_keras.records.models import Origin


@contextmanager
def muted(quiet: bool) -> Iterator[None]:
    """Say only errors and warnings while it lasts, if `quiet`."""
    if not quiet:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        with redirect_stdout(nowhere):
            yield


@contextmanager
def going_on_with(folder: Path, option: str = "--resume") -> Iterator[None]:
    """Say how to go on, by the words to type, if a signal ends the job.

    Args:
        folder: of the run.
        option: with which the command does; default: `--resume`.

    Raises:
        TerminatedError: that says so.
    """
    before = _opened(folder)
    try:
        yield
    except TerminatedError as error:
        words = [word for word in command() if word != option]
        if _opened(folder) == before:
            error.way_out = "Nothing was written. Start again with: "
            words = [*command()]
        else:
            verb = "goes on" if option == "--resume" else "starts again"
            error.way_out = f"The run in {folder} {verb} with: "
            words = [w for w in words if w != "--overwrite"] + [option]
        error.way_out += shlex.join(words)
        raise


def _opened(folder: Path) -> tuple[int, ...]:
    """Tell one opening of a run from the next, by what each writes first."""
    with suppress(OSError):
        found = os.stat(folder / Origin.file_name)
        return found.st_ino, found.st_mtime_ns
    return ()


def print_summary(folder: Path, quiet: bool = False) -> None:
    """Say what came of a run, and where its report is.

    Args:
        folder: where the run left its records.
        quiet: whether to say only where it is; default: no.
    """
    from atsc_keras.records.exports import ExportReport
    from atsc_keras.records.manifest import EXPORT
    from atsc_keras.records.models import Metrics
    from atsc_keras.records.reading import read_record
    from atsc_keras.records.run import Run
    from atsc_keras.reports.report import REPORT
    from atsc_keras.reports.run import summary_table

    run = Run(folder)
    if not quiet:
        exported = read_record(run.file(EXPORT), ExportReport)
        print(f"\n{summary_table(run.demand(Metrics), exported)}\n")
    print(f"Report: {run.file(REPORT)}")
