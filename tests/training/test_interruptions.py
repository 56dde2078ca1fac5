"""A run that is ended, killed or short of room goes on as if undisturbed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.errors import TerminatedError, WriteError
from atsc_keras.training.checkpoints import EpochCheckpoint
from atsc_keras.training.jobs import distill, train
from atsc_keras.training.termination import ended_by_sigterm, sigterm_held_back
from tests.full_disk import largest_file
from tests.tiny_experiment import PUBLISHED, history, write_config

OVERRIDES = ["student.training=null", "data.batch_size=8"]
STEPS = 6  # an epoch


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ExperimentConfig:
    path = write_config(tmp_path_factory.mktemp("config"))
    return load_config(path, OVERRIDES)


@pytest.fixture(scope="module")
def undisturbed(
    config: ExperimentConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    distill(config, run)
    return run


def check_same(run: Path, undisturbed: Path, stems: dict[str, str]) -> None:
    """Models by their names in both are the same, and so is the history."""
    for stem, other in stems.items():
        one, two = (
            keras.models.load_model(path, compile=False)
            for path in (
                run / f"{stem}.keras",
                undisturbed / f"{other}.keras",
            )
        )
        for first, second in zip(
            one.get_weights(), two.get_weights(), strict=True
        ):
            # Threads may add in another order.
            np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    one, two = history(run), history(undisturbed)
    phases = {row["phase"] for row in one}
    two = [row for row in two if row["phase"] in phases]
    assert [row.pop("phase") for row in one] == [r.pop("phase") for r in two]
    assert one == [pytest.approx(row, rel=1e-5) for row in two]
    assert not list(run.rglob(".part-*"))


def send_sigterm_in(
    monkeypatch: pytest.MonkeyPatch, moment: str, place: tuple[str, int, int]
) -> None:
    """Let SIGTERM come just before a callback: (phase, epoch, step)."""
    callback = getattr(EpochCheckpoint, moment)

    def wrapped(self: Any, number: int, logs: Any = None) -> None:
        if (self.phase, self._epoch, number) == place:
            os.kill(os.getpid(), signal.SIGTERM)
        callback(self, number, logs)

    monkeypatch.setattr(EpochCheckpoint, moment, wrapped)


def test_sigterm_saves_in_the_middle_of_an_epoch(
    config: ExperimentConfig,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    run = tmp_path / "run"
    checkpoints = run / "checkpoints" / "distillation"
    # The second time it goes on in the middle, and is ended there again.
    for resume, batch, step in ((False, 1, 2), (True, 2, 5)):
        with monkeypatch.context() as patch:
            place = ("distillation", 1, batch)
            send_sigterm_in(patch, "on_train_batch_end", place)
            with pytest.raises(TerminatedError) as end, ended_by_sigterm(run):
                distill(config, run, resume=resume)
        assert end.value.code == 143
        assert f"The run in {run} goes on" in capsys.readouterr().err
        assert (checkpoints / f"epoch-00001-step-{step:06d}.npz").exists()
        assert len(list(checkpoints.iterdir())) == 2
    distill(config, run, resume=True)
    assert "epochs 2 to 2, from step 6\n" in capsys.readouterr().out
    assert {r["phase"] for r in history(run)} == {"teacher", "distillation"}
    same = {"student": "student", "adapted_teacher": "adapted_teacher"}
    check_same(run, undisturbed, same)


def test_sigterm_behind_the_last_batch_lets_the_epoch_end(
    config: ExperimentConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    place = ("teacher", 0, STEPS - 1)
    send_sigterm_in(monkeypatch, "on_train_batch_end", place)
    with pytest.raises(TerminatedError), ended_by_sigterm(run):
        train(config, run)
    assert [row["epoch"] for row in history(run)] == [1]
    saved = list((run / "checkpoints" / "teacher").iterdir())
    assert [path.name for path in saved] == ["epoch-00001.npz"]


def test_sigterm_outside_training_ends_the_job_at_once(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TerminatedError), ended_by_sigterm(tmp_path):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_lost_in_a_destructor_ends_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closing:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    with pytest.raises(TerminatedError), ended_by_sigterm(tmp_path):
        Closing()
        assert len(lost) == 1
        with sigterm_held_back(processes=1):
            pytest.fail("training began")


def test_one_of_several_processes_ends_at_once(tmp_path: Path) -> None:
    with pytest.raises(TerminatedError), ended_by_sigterm(tmp_path):
        with sigterm_held_back(processes=2):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()


def test_program_that_answers_sigterm_itself_is_left_alone() -> None:
    came = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(True))
    try:
        with sigterm_held_back(processes=1) as is_to_end:
            os.kill(os.getpid(), signal.SIGTERM)
            assert came == [True]
            assert not is_to_end()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_process_that_gets_sigterm_says_how_to_go_on(tmp_path: Path) -> None:
    config = write_config(tmp_path, epochs=10_000, networks=PUBLISHED)
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "atsc_keras", "train", config, "--run-dir", run],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not (run / "history.csv").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == (
        f"Stopped by SIGTERM. The run in {run} goes on from here with --resume."
    )
    assert list((run / "checkpoints" / "teacher").glob("epoch-*.npz"))


def test_full_disk_leaves_the_last_checkpoint(
    config: ExperimentConfig,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        send_sigterm_in(patch, "on_epoch_end", ("teacher", 0, 0))
        with pytest.raises(TerminatedError), ended_by_sigterm(run):
            train(config, run)
    checkpoint = run / "checkpoints" / "teacher" / "epoch-00001.npz"
    before = checkpoint.read_bytes()
    for size, file in (
        (0, "writer.json"),
        (40_000, "epoch-00002.npz"),
        (55_000, "model.keras"),
    ):
        with pytest.raises(WriteError) as error, largest_file(size):
            train(config, run, resume=True)
        assert f"/{file} (File too large)" in str(error.value)
        assert "--resume" in str(error.value)
        assert not list(run.rglob(".part-*"))
        assert file == "writer.json" or not list(run.rglob(file))
        assert checkpoint.read_bytes() == before
    train(config, run, resume=True)
    # A run that distils begins with the same training.
    check_same(run, undisturbed, {"model": "teacher"})
