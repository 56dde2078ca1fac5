"""Callbacks that make a run resumable and stop it when it diverges."""

import math
import re
import time
from pathlib import Path
from typing import Any

import keras

from atsc_keras.errors import InputError
from atsc_keras.training.run_folder import RunFolder
from atsc_keras.training.run_folder import write_atomically

_EPOCH = re.compile(r"epoch-(\d+)\.weights\.h5")


class DivergedError(RuntimeError):
    """A loss was not finite; the last checkpoint is from before it."""


class EpochCheckpoint(keras.callbacks.Callback):
    """Saves weights, optimizer and history after every epoch.

    The two newest checkpoints are kept. A checkpoint is complete when it has
    its name: it is written beside and renamed.

    Args:
        folder: of the run.
        phase: names the checkpoints' folder and the rows of the history.
        optimizer: whose learning rate the history notes.
    """

    def __init__(
        self,
        folder: RunFolder,
        phase: str,
        optimizer: keras.optimizers.Optimizer,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.phase = phase
        self.optimizer = optimizer
        self.checkpoints = folder.file("checkpoints") / phase
        self._started = 0.0

    def completed_epochs(self) -> int:
        """Epochs that the newest checkpoint has seen; 0 without one."""
        return max((epoch for epoch, _ in self._saved()), default=0)

    def restore(self, model: keras.Model) -> int:
        """Load the newest checkpoint, if there is one, into a built model.

        Args:
            model: compiled, its optimizer built.

        Returns:
            The epoch to go on from (0 without a checkpoint).

        Raises:
            InputError: if the checkpoint does not fit the model.
        """
        epoch = self.completed_epochs()
        if epoch:
            path = self._path(epoch)
            try:
                model.load_weights(path)
            except (ValueError, OSError, KeyError) as error:
                raise InputError(
                    "A checkpoint must fit the networks of the config. "
                    f"Received: {path} ({error}). Start again with "
                    "--overwrite."
                ) from error
        return epoch

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._started = time.monotonic()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        seconds = time.monotonic() - self._started
        # First: a row whose checkpoint is missing is written again, a
        # checkpoint whose row is missing would never be.
        self._write_history(epoch + 1, seconds, logs or {})
        write_atomically(self._path(epoch + 1), self.model.save_weights)
        for saved, path in self._saved():
            if saved < epoch:
                path.unlink()

    def _write_history(
        self, epoch: int, seconds: float, logs: dict[str, Any]
    ) -> None:
        rows: list[dict[str, Any]] = [
            row
            for row in self.folder.read_history()
            if row["phase"] != self.phase or int(row["epoch"]) < epoch
        ]
        rows.append(
            {
                "phase": self.phase,
                "epoch": epoch,
                "seconds": round(seconds, 3),
                "learning_rate": float(self.optimizer.learning_rate),
                **{key: float(value) for key, value in logs.items()},
            }
        )
        self.folder.write_history(rows)

    def _path(self, epoch: int) -> Path:
        return self.checkpoints / f"epoch-{epoch:05d}.weights.h5"

    def _saved(self) -> list[tuple[int, Path]]:
        if not self.checkpoints.is_dir():
            return []
        return [
            (int(match[1]), path)
            for path in self.checkpoints.iterdir()
            if (match := _EPOCH.fullmatch(path.name))
        ]


class StopOnDivergence(keras.callbacks.Callback):
    """Ends the run at the first step whose running loss is not finite.

    A step's loss is looked at when the next step has been sent off, so that
    an accelerator never waits for it.

    Args:
        phase: named in the error.
    """

    def __init__(self, phase: str) -> None:
        super().__init__()
        self.phase = phase
        self._epoch = 0
        self._latest: tuple[int, dict[str, Any]] | None = None

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._check_latest()
        self._latest = (batch + 1, dict(logs or {}))

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._check_latest()
        self._latest = None

    def _check_latest(self) -> None:
        if self._latest is None:
            return
        step, logs = self._latest
        for name, value in logs.items():
            if name.endswith("loss") and not math.isfinite(float(value)):
                raise DivergedError(
                    f"`{name}` must stay finite in the {self.phase} phase. "
                    f"Received: {name}={float(value)} at epoch {self._epoch}, "
                    f"step {step}. Use a smaller learning rate or `clipnorm`;"
                    " --resume goes on from the last good epoch."
                )
