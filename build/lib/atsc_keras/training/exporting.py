"""A run's student, exported by the command that does only that."""

import importlib.util
import subprocess
import sys
from pathlib import Path

from atsc_keras.processes import is_first


def exporter() -> str:
    """Name the exporter's package: another one in the source tree."""
    installed = importlib.util.find_spec("atsc_export")
    return "atsc_export" if installed else "export"


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
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    return done.returncode
