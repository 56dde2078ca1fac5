"""A run's student, exported by the command that does only that."""

import subprocess
import sys
from pathlib import Path

from atsc_keras.training.processes import is_first
from atsc_keras.training.run_folder import RunFolder


def export_student(path: Path) -> int:
    """Export the student of a run, and the proof, to its folder `export`.

    Args:
        path: of the folder of a finished run.

    Returns:
        The exit status of the command; 0 in all processes but the first.
    """
    if not is_first():
        return 0
    folder = RunFolder(path)
    command: list[str | Path] = [
        *(sys.executable, "-m", "export", folder.file("student.keras")),
        *("--out", folder.file("export"), "--overwrite"),
        *("--images", folder.file("samples.npz")),
    ]
    metrics = folder.read_json("metrics.json")
    # A teacher may know classes that the data do not name.
    if metrics["models"]["student"]["classes"] == len(metrics["class_names"]):
        command += ["--class-names", folder.file("class_names.json")]
    sys.stdout.flush()
    return subprocess.run(command, check=False).returncode
