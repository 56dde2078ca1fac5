"""What commands print, or not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path


@contextmanager
def muted(quiet: bool) -> Iterator[None]:
    """Say only errors and warnings while it lasts, if `quiet`."""
    if not quiet:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        with redirect_stdout(nowhere):
            yield


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
