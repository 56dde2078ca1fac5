"""What a training says while it lasts: one line an epoch."""

import shutil
import sys
import time
from datetime import timedelta
from typing import Any

import keras

_BAR = 30  # characters
_BETWEEN_DRAWINGS = 0.1  # seconds


class Progress(keras.callbacks.Callback):
    """Prints a line at the end of each epoch, with the time left.

    On a terminal a bar grows in that line before.

    Args:
        epochs: of the whole training.
        steps: of a whole epoch.
    """

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.steps = steps
        self._done = 0  # steps since the first one, which compiles
        self._began: float | None = None
        self._drawn = 0.0
        self._width = 0  # of what was drawn last

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._epoch = epoch
        self._step = 0
        self._epoch_began = time.monotonic()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        else:
            self._done += batch + 1 - self._step
        self._step = batch + 1
        if sys.stdout.isatty() and now - self._drawn > _BETWEEN_DRAWINGS:
            self._drawn = now
            self._draw()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        seconds = time.monotonic() - self._epoch_began
        scores = [f"{key}: {value:.4g}" for key, value in (logs or {}).items()]
        parts = [self._title(), _clock(seconds), *scores, *self._left()]
        # As wide as the bar, which it replaces.
        print(f"{' - '.join(parts):<{self._width}}", flush=True)
        self._width = 0

    def _draw(self) -> None:
        steps = self.params["steps"]
        bar = "=" * (_BAR * self._step // steps)
        parts = [f"[{bar:.<{_BAR}}] {self._step}/{steps}", *self._left()]
        line = f"{self._title()} {' - '.join(parts)}"
        # The cursor goes back: whatever is printed next replaces the bar.
        room = shutil.get_terminal_size().columns - 1
        print(f"{line:<{self._width}}"[:room], end="\r", flush=True)
        self._width = min(len(line), room)

    def _title(self) -> str:
        return f"Epoch {self._epoch + 1}/{self.epochs}"

    def _left(self) -> list[str]:
        """Say how long the training will still take, when that can be known."""
        to_come = (self.epochs - self._epoch - 1) * self.steps
        to_come += self.params["steps"] - self._step
        if self._began is None or not self._done or not to_come:
            return []
        each = (time.monotonic() - self._began) / self._done
        return [f"{_clock(each * to_come)} left"]


def _clock(seconds: float) -> str:
    """Write a time such as 0:01:30."""
    return str(timedelta(seconds=round(seconds)))
