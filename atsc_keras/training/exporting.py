"""A run's student, exported by the command that does only that."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from atsc_keras.packages import is_installed
from atsc_keras.processes import is_first
from atsc_keras.signals import run_process


def exporter() -> str:
    """Name the exporter's package: another one in the source tree."""
    return "atsc_export" if is_installed("atsc_export") else "export"


def check_exporter() -> None:
    """See that what an export needs is installed, before a training.

    Raises:
        InputError: if not.
    """
    formats = import_module(f"{exporter()}.formats")
    wanted = formats.variants([*formats.FORMATS], ["float32"], ["float32"])
    formats.check_packages(wanted, "leave --export out")


def export_student(path: Path) -> int:
    """Export the student of a run, and the proof, to its folder `export`.

    Args:
        path: of the folder of a finished run.

    Returns:
        The exit status of the command; 0 in all processes but the first.
    """
    if not is_first():
        return 0
    command: list[str | Path] = [
        *(sys.executable, "-m", exporter(), "--from-run", path),
        *("--no-compare", "--overwrite"),
    ]
    sys.stdout.flush()
    # Its table is the one of the run's summary.
    return run_process(command, stdout=subprocess.DEVNULL)[0]
