"""The age of a process, by its own count and by the system's."""

import os
import shutil
import subprocess
import time

import pytest

from atsc_keras.training.startup import process_age


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no `ps`")
def test_age_is_that_of_the_process() -> None:
    shown = subprocess.run(
        ["ps", "-o", "etimes=", "-p", str(os.getpid())],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process_age() == pytest.approx(int(shown.stdout), abs=2)


def test_age_grows_as_time_does() -> None:
    before, began = process_age(), time.monotonic()
    time.sleep(0.05)
    grown = process_age() - before
    assert 0.05 <= grown <= time.monotonic() - began + 0.05
