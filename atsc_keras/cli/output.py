"""What commands print, or not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path


@contextmanager
def muted(quiet: bool) -> Iterator[None]:
    """While it lasts, only errors and warnings are said, if `quiet`."""
    if not quiet:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        with redirect_stdout(nowhere):
            yield


def print_summary(folder: Path, quiet: bool = False) -> None:
    """Write the report of a run and say what came of it, and where it is.

    Args:
        folder: of the run.
        quiet: whether to say only where it is; default: no.
    """
    from atsc_keras.records.run import RunFolder
    from atsc_keras.reports.report import write_report
    from atsc_keras.reports.summary import summary_table

    run = RunFolder(folder)
    report = write_report(folder)
    if not quiet:
        table = summary_table(
            run.read_json("metrics.json"),
            run.read_json("export/export_report.json"),
        )
        print(f"\n{table}\n")
    print(f"Report: {report}")
