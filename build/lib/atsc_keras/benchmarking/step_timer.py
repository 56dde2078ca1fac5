"""How long each training step takes."""

import time
from dataclasses import dataclass

import keras

from atsc_keras.types import Logs


@dataclass(frozen=True)
class StepTime:
    """One step.

    Attributes:
        wall: seconds that passed.
        cpu: seconds of all this process's threads together.
    """

    wall: float
    cpu: float


class StepTimer(keras.callbacks.Callback):
    """Times the steps of `fit`, each until its loss is known."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[StepTime] = []

    def on_train_batch_begin(
        self, batch: int, logs: Logs | None = None
    ) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if logs:
            float(logs["loss"])  # a device may still be at work
        self.steps.append(
            StepTime(
                time.perf_counter() - self._wall,
                time.process_time() - self._cpu,
            )
        )
