"""Callbacks that make a run resumable and stop it when it diverges."""

import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from atsc_keras.errors import (
    DivergedError,
    InputError,
    TerminatedError,
    first_line,
    is_out_of_memory,
)
from atsc_keras.records.models import EpochRow
from atsc_keras.records.run import Run
from atsc_keras.training.environment import peak_memory

CHECKPOINTS = "checkpoints"  # folder in that of a run
_NAME = re.compile(r"epoch-(\d+)(?:-step-(\d+))?\.npz")


class Place(NamedTuple):
    """How far training has come.

    Attributes:
        epoch: epochs that are behind it.
        step: steps of the next one that are, too.
    """

    epoch: int
    step: int = 0

    def steps_of(self, epoch: int) -> int:
        """Count the steps of an epoch, from 0, that are behind this place."""
        return self.step if epoch == self.epoch else 0


class EpochCheckpoint(keras.callbacks.Callback):
    """Saves weights, optimizer and history after every epoch.

    When the process is to end, it saves between two batches and ends it; the
    running means are saved too, so that the history will be of whole epochs.
    The two newest checkpoints are kept. A checkpoint is complete when it has
    its name: it is written beside and renamed.

    Args:
        run: to save to.
        phase: names the checkpoints' folder and the rows of the history.
        optimizers: whose learning rates the history notes, by column.
        metrics: that the model was compiled with.
        signal_come: tells the number of the signal that has come to end the
            process; 0 before.
    """

    def __init__(
        self,
        run: Run,
        phase: str,
        optimizers: dict[str, keras.optimizers.Optimizer],
        metrics: Sequence[keras.metrics.Metric],
        signal_come: Callable[[], int],
    ) -> None:
        super().__init__()
        self.run = run
        self.phase = phase
        self.optimizers = optimizers
        self.metrics = metrics
        self.signal_come = signal_come
        self.checkpoints = run.file(f"{CHECKPOINTS}/{phase}")
        self.start = Place(0)
        self._means = np.zeros(0)
        self._seconds = 0.0
        self._epoch = 0
        self._started = 0.0

    def restore(self, model: keras.Model) -> Place:
        """Load the newest whole checkpoint, if any, into a built model.

        Args:
            model: compiled, its optimizer built.

        Returns:
            The place to go on from (the beginning without a checkpoint).

        Raises:
            InputError: if there are checkpoints and none can be loaded.
        """
        self.set_model(model)
        failures = []
        for place, path in sorted(self._saved(), reverse=True):
            try:
                self._load(path)
            except Exception as error:  # what is damaged may raise anything
                if is_out_of_memory(error):
                    raise
                reason = first_line(error)
                failures.append(f"{path} ({reason})")
                print(f"Not loaded: {failures[-1]}", file=sys.stderr)
                continue
            self.start = place
            return place
        if failures:
            raise InputError(
                "A checkpoint must be whole and fit the networks of the "
                f"config. Received: {'; '.join(failures)}. Start again with "
                "--overwrite."
            )
        return self.start

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._epoch = epoch
        peak_memory(forget=True)
        self._started = time.monotonic()
        if self.start.steps_of(epoch):
            self._started -= self._seconds
            # Keras has just reset them.
            for variable, value in zip(
                self._mean_variables(), self._means, strict=True
            ):
                variable.assign(value)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # After the last batch the epoch comes to its end first.
        signal = self.signal_come()
        if signal and batch + 1 < self.params["steps"]:
            before = self.start.steps_of(self._epoch)
            self._save(Place(self._epoch, before + batch + 1))
            raise TerminatedError(signal)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # First: a row whose checkpoint is missing is written again, a
        # checkpoint whose row is missing would never be.
        self._write_history(epoch + 1, self._elapsed(), logs or {})
        self._save(Place(epoch + 1))
        if signal := self.signal_come():
            raise TerminatedError(signal)

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _variables(self) -> list[keras.Variable]:
        """List all that training moves, but the running means."""
        model = self.model
        return [
            *model.trainable_variables,
            *model.non_trainable_variables,
            *model.optimizer.variables,
        ]

    def _mean_variables(self) -> list[keras.Variable]:
        # Keras lists the compiled metrics after the first step only.
        every = [*self.metrics, *self.model.metrics]
        variables = [v for metric in every for v in metric.variables]
        return list({id(v): v for v in variables}.values())

    def _load(self, path: Path) -> None:
        variables = self._variables()
        with open(path, "rb") as file, np.load(file) as saved:
            values = [saved[f"arr_{n}"] for n in range(len(saved.files) - 2)]
            means, seconds = saved["means"], float(saved["seconds"])
        for variable, value in zip(variables, values, strict=True):
            if value.dtype.kind not in "biufV":  # V: bfloat16
                raise ValueError(f"{variable.path} would be {value.dtype}")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self._means, self._seconds = means, seconds

    def _save(self, place: Place) -> None:
        values, means = (
            [ops.convert_to_numpy(variable) for variable in variables]
            for variables in (self._variables(), self._mean_variables())
        )

        def write(path: Path) -> None:
            # Not `save_weights`: HDF5 crashes when the disk is full.
            with open(path, "wb") as file:
                np.savez(
                    file,
                    *values,
                    means=np.stack(means),
                    seconds=self._elapsed(),
                )

        self.run.write_file(self._name(self._path(place)), write)
        old = [self._name(path) for _, path in sorted(self._saved())[:-2]]
        self.run.remove(old)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.run.path).as_posix()

    def _write_history(
        self, epoch: int, seconds: float, logs: dict[str, Any]
    ) -> None:
        rows = [
            row
            for row in self.run.history()
            if row.phase != self.phase or row.epoch < epoch
        ]
        rates = {
            name: float(optimizer.learning_rate)
            for name, optimizer in self.optimizers.items()
        }
        scores = {key: float(value) for key, value in logs.items()}
        row = EpochRow(
            phase=self.phase,
            epoch=epoch,
            seconds=round(seconds, 3),
            peak_memory_bytes=peak_memory(),
            **{**rates, **scores},
        )
        self.run.write_history([*rows, row])

    def _path(self, place: Place) -> Path:
        step = f"-step-{place.step:06d}" if place.step else ""
        return self.checkpoints / f"epoch-{place.epoch:05d}{step}.npz"

    def _saved(self) -> list[tuple[Place, Path]]:
        if not self.checkpoints.is_dir():
            return []
        return [
            (Place(int(match[1]), int(match[2] or 0)), path)
            for path in self.checkpoints.iterdir()
            if (match := _NAME.fullmatch(path.name))
        ]


class StopOnDivergence(keras.callbacks.Callback):
    """Ends the run at the first step whose running loss is not finite.

    A step's loss is looked at when the next step has been sent off, so that
    an accelerator never waits for it. The last step of an epoch shows in the
    validation and in the weights, which are looked at before they are saved.

    Args:
        phase: named in the error.
        checkpoints: folder of the phase's checkpoints, named there too.
        start: where training goes on.
    """

    def __init__(self, phase: str, checkpoints: Path, start: Place) -> None:
        super().__init__()
        self.phase = phase
        self.checkpoints = checkpoints
        self.start = start
        self._epoch = 0
        self._step = 0
        self._latest: tuple[int, dict[str, Any]] | None = None

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._epoch = epoch + 1
        self._step = self.start.steps_of(epoch)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._check_latest()
        self._latest = (self._step + batch + 1, dict(logs or {}))

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
