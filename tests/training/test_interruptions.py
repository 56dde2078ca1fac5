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

from atsc_keras.cli.app import main
from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.errors import TerminatedError, WriteError
from atsc_keras.signals import ended_by_signals
from atsc_keras.training.checkpoints import EpochCheckpoint
from atsc_keras.training.jobs import distill, train
from tests.full_disk import largest_file
from tests.tiny_experiment import PUBLISHED, history, write_config

pytestmark = pytest.mark.usefixtures("signals_are_heard", "unrendered")
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


def send_signal_in(
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    place: tuple[str, int, int],
    sent: int = signal.SIGTERM,
) -> None:
    """Let a signal come just before a callback: (phase, epoch, step)."""
    callback = getattr(EpochCheckpoint, moment)

    def wrapped(self: Any, number: int, logs: Any = None) -> None:
        if (self.phase, self._epoch, number) == place:
            os.kill(os.getpid(), sent)
        callback(self, number, logs)

    monkeypatch.setattr(EpochCheckpoint, moment, wrapped)


def test_signal_saves_in_the_middle_of_an_epoch(
    config: ExperimentConfig,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    run = tmp_path / "run"
    checkpoints = run / "checkpoints" / "distillation"
    # The second time it goes on in the middle, and is ended there again.
    for number, batch, step in ((signal.SIGTERM, 1, 2), (signal.SIGINT, 2, 5)):
        with monkeypatch.context() as patch:
            place = ("distillation", 1, batch)
            send_signal_in(patch, "on_train_batch_end", place, number)
            with pytest.raises(TerminatedError) as end, ended_by_signals():
                distill(config, run, resume=number == signal.SIGINT)
        assert end.value.code == 128 + number
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
    send_signal_in(monkeypatch, "on_train_batch_end", place)
    with pytest.raises(TerminatedError), ended_by_signals():
        train(config, run)
    assert [row["epoch"] for row in history(run)] == [1]
    saved = list((run / "checkpoints" / "teacher").iterdir())
    assert [path.name for path in saved] == ["epoch-00001.npz"]


def dropped(number: int) -> None:
    """Let a signal come where Python drops the exception that it raises."""

    class Closing:
        def __del__(self) -> None:
            signal.raise_signal(number)

    Closing()
    time.sleep(5)  # the framework's own work, which the signal cuts short


# What a job calls in each phase, in order, and the signal that comes then.
PHASES = (
    ("atsc_keras.data.loading.check_path", signal.SIGTERM, "Nothing was"),
    ("atsc_keras.training.saved_phases.fit_network", signal.SIGINT, "goes on"),
    ("atsc_keras.training.saved_phases.warn_at_chance", signal.SIGHUP, "goes"),
    ("atsc_keras.training.jobs.fit_distillation", signal.SIGTERM, "goes on"),
    ("atsc_keras.training.results.evaluate_file", signal.SIGTERM, "goes on"),
    ("atsc_keras.training.results.write_report", signal.SIGINT, "goes on"),
    ("atsc_keras.cli.commands.export_student", signal.SIGTERM, "goes on"),
)


def test_signal_in_any_phase_says_how_to_go_on(
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    run, config = tmp_path / "run", undisturbed / "config.yaml"
    words = ["atsc", "distill", str(config), "--run-dir", str(run), "--export"]
    typed = " ".join(words)
    monkeypatch.setattr("atsc_keras.cli.commands.check_exporter", lambda: None)
    for place, number, said in PHASES:
        monkeypatch.setattr(sys, "argv", words)
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as end:
            patch.setattr(place, lambda *_, n=number, **__: dropped(n))
            main()
        assert end.value.code == 128 + number, place
        line = capsys.readouterr().err.splitlines()[-1]
        name = "Ctrl-C" if number == signal.SIGINT else number.name
        assert line.startswith(f"Stopped by {name}. "), place
        assert said in line
        resume = "" if said == "Nothing was" else " --resume"
        assert line.endswith(f" with: {typed}{resume}"), place
        words = line.rpartition(" with: ")[2].split()
    same = ("teacher", "student", "adapted_teacher")
    check_same(run, undisturbed, {stem: stem for stem in same})
    assert (run / "report.html").exists()


def test_process_that_gets_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    config = write_config(tmp_path, epochs=10_000, networks=PUBLISHED)
    run = tmp_path / "run"
    words = ["train", str(config), "--run-dir", str(run)]
    process = subprocess.Popen(
        [sys.executable, "-m", "atsc_keras", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not (run / "history.csv").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    typed = " ".join(["python -m atsc_keras", *words])
    assert errors.splitlines()[-1] == (
        f"Stopped by Ctrl-C. The run in {run} goes on with: {typed} --resume"
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
        send_signal_in(patch, "on_epoch_end", ("teacher", 0, 0))
        with pytest.raises(TerminatedError), ended_by_signals():
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
