"""How long a process takes until it trains."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import keras

from atsc_keras.records.run import RunFolder

_START_FIELD = 22  # of /proc/PID/stat, counted from 1
_IMPORTED = time.monotonic()


def process_age() -> float:
    """Seconds since this process began.

    Where the system does not tell (it does on Linux), since this room was
    imported.
    """
    if not sys.platform.startswith("linux"):
        return time.monotonic() - _IMPORTED
    # The name of the command, in brackets, may itself have any character.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    began = int(fields[_START_FIELD - 3]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


class FirstStepNote(keras.callbacks.Callback):
    """Notes in a run's `environment.json` how long its first step took.

    `startup` there: seconds from the start of the process `to_first_step`,
    and of those in the `first_step`, which compiles. Later phases of the same
    process change nothing.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self.folder = folder
        self._began: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        environment = self.folder.read_json("environment.json")
        self._noted = environment is None or "startup" in environment

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._began is None:
            self._began = process_age()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._noted or self._began is None:
            return
        self._noted = True
        if logs:
            float(logs["loss"])  # a device may still be at work
        age = process_age()
        environment = self.folder.read_json("environment.json")
        environment["startup"] = {
            "to_first_step": round(age, 3),
            "first_step": round(age - self._began, 3),
        }
        self.folder.write_json("environment.json", environment)
