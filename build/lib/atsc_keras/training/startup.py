"""How long a process takes until it trains."""

import time
from typing import Any

import keras
import psutil

from atsc_keras.records.models import Origin, Startup
from atsc_keras.records.run import Run


def process_age() -> float:
    """Count the seconds since this process began."""
    return time.time() - psutil.Process().create_time()


class FirstStepNote(keras.callbacks.Callback):
    """Notes in a run's origin how long its first step took.

    Later phases of the same process change nothing.

    Args:
        run: to note it in.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self._began: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._noted = self.run.demand(Origin).startup is not None

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
        startup = Startup(
            to_first_step=round(age, 3), first_step=round(age - self._began, 3)
        )
        origin = self.run.demand(Origin)
        self.run.write(origin.model_copy(update={"startup": startup}))
