"""Callbacks that make a run resumable and stop it when it diverges."""

import math
import re
import time
from pathlib import Path
from typing import Any

import keras
from keras import ops

from atsc_keras.errors import InputError
from atsc_keras.errors import first_line
from atsc_keras.training.run_folder import RunFolder
from atsc_keras.training.run_folder import write_atomically

_EPOCH = re.compile(r"epoch-(\d+)\.weights\.h5")


class DivergedError(RuntimeError):
    """A loss or weight was not finite; the last checkpoint is from before."""


class EpochCheckpoint(keras.callbacks.Callback):
    """Saves weights, optimizer and history after every epoch.

    The two newest checkpoints are kept. A checkpoint is complete when it has
    its name: it is written beside and renamed.

    Args:
        folder: of the run.
        phase: names the checkpoints' folder and the rows of the history.
        optimizers: whose learning rates the history notes, by column.
    """

    def __init__(
        self,
        folder: RunFolder,
        phase: str,
        optimizers: dict[str, keras.optimizers.Optimizer],
    ) -> None:
        super().__init__()
        self.folder = folder
        self.phase = phase
        self.optimizers = optimizers
        self.checkpoints = folder.file("checkpoints") / phase
        self._started = 0.0

    def restore(self, model: keras.Model) -> int:
        """Load the newest whole checkpoint, if any, into a built model.

        Args:
            model: compiled, its optimizer built.

        Returns:
            The epoch to go on from (0 without a checkpoint).

        Raises:
            InputError: if there are checkpoints and none can be loaded.
        """
        failures = []
        for epoch, path in sorted(self._saved(), reverse=True):
            try:
                model.load_weights(path)
            except (ValueError, OSError, KeyError) as error:
                reason = first_line(error)
                failures.append(f"{path} ({reason})")
                print(f"Not loaded: {failures[-1]}", flush=True)
                continue
            return epoch
        if failures:
            raise InputError(
                "A checkpoint must be whole and fit the networks of the "
                f"config. Received: {'; '.join(failures)}. Start again with "
                "--overwrite."
            )
        return 0

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
                **{
                    name: float(optimizer.learning_rate)
                    for name, optimizer in self.optimizers.items()
                },
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
    an accelerator never waits for it. The last step of an epoch shows in the
    validation and in the weights, which are looked at before they are saved.

    Args:
        phase: named in the error.
        checkpoints: folder of the phase's checkpoints, named there too.
    """

    def __init__(self, phase: str, checkpoints: Path) -> None:
        super().__init__()
        self.phase = phase
        self.checkpoints = checkpoints
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
        self._check_losses(logs or {}, "its last step")
        for weight in self.model.weights:
            if not ops.all(ops.isfinite(weight)):
                raise self._error(weight.path, "not finite", "its last step")

    def _check_latest(self) -> None:
        if self._latest is not None:
            step, logs = self._latest
            self._check_losses(logs, f"step {step}")

    def _check_losses(self, logs: dict[str, Any], step: str) -> None:
        for name, value in logs.items():
            if name.endswith("loss") and not math.isfinite(float(value)):
                raise self._error(name, f"{float(value)}", step)

    def _error(self, name: str, value: str, step: str) -> DivergedError:
        return DivergedError(
            f"`{name}` must stay finite in the {self.phase} phase. Received: "
            f"{name}={value} at epoch {self._epoch}, {step}. Start again "
            "with a smaller learning rate or `clipnorm`; the weights of the "
            f"last good epochs, if any, are in {self.checkpoints}."
        )
