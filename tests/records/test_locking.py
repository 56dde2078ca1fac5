"""A run folder has one writer at a time, wherever it lies."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atsc_keras.errors import BusyError
from atsc_keras.records import locking
from atsc_keras.records.models import Origin
from atsc_keras.records.run import Run
from tests.records.conftest import refusal, reopen

WRITER = """
import sys, time
from pathlib import Path
from atsc_keras.records.run import Run
with Run.renew(Path(sys.argv[1])) as run:
    run.write_text("history.csv", "")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(run: Path) -> Any:
    """Another process that writes to the run, until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(run)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.communicate()


def test_second_writer_is_refused_until_the_first_is_gone(
    run: Path, origin: Origin, writer: Any
) -> None:
    for arguments in ({"resume": True}, {"overwrite": True}):
        with pytest.raises(BusyError) as error:
            reopen(run, origin, **arguments)
        assert f"process {writer.pid} on {os.uname().nodename}" in str(
            error.value
        )
        assert "-c" in str(error.value)  # its command
    assert (run / "history.csv").exists()
    with pytest.raises(BusyError), Run.renew(run):
        pass
    # Killed, it could tidy nothing: what it left refuses nobody.
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert (run / "writer.json").exists()
    reopen(run, origin, resume=True)
    assert not (run / "writer.json").exists()


def test_disk_without_locks_has_one_writer_too(
    run: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def no_locks(*_: Any) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with Run.open(run, origin, resume=True):
        with pytest.raises(BusyError):
            reopen(run, origin, resume=True)
    reopen(run, origin, resume=True)


def test_lock_that_cannot_be_taken_is_one_message(
    run: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def acquire(self) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(locking, "FileLock", Broken)
    message = refusal(run, origin, resume=True)
    assert "must be writable" in message
    assert "Permission denied" in message
