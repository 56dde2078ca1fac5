"""An exporter that is stopped leaves neither files nor processes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.export.models import student

ROOT = Path(__file__).parents[2]
# Stops where a file is proven, by a process of its own.
pytestmark = pytest.mark.usefixtures("signals_are_heard")
STOPPED = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


def proving(exporter: int) -> list[psutil.Process]:
    """The process that proves a file."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [
            child
            for child in psutil.Process(exporter).children()
            if "export.proving" in child.cmdline()
        ]
    return []


@pytest.mark.parametrize("number", STOPPED)
def test_exporter_that_is_stopped_leaves_nothing(
    number: int, tmp_path: Path
) -> None:
    student().save(tmp_path / "m.keras")
    words = ["m.keras", "--out", "out", "--formats", "saved_model"]
    job = subprocess.Popen(
        [sys.executable, "-m", "export", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    )
    with job:
        children: list[psutil.Process] = []
        while job.poll() is None and not children:
            time.sleep(0.01)
            children = proving(job.pid)
        job.send_signal(number)
        _, errors = job.communicate(timeout=60)
    psutil.wait_procs(children, timeout=10)
    assert not [child for child in children if child.is_running()]
    if number == signal.SIGKILL:  # the next export clears it away
        assert job.returncode == -number
        return
    assert job.returncode == 128 + number
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert errors.splitlines()[-1] == (
        f"Stopped by {name}. Nothing half-written is left. Run it again."
    )
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]
