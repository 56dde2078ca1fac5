"""What a run that did not come to its end leaves, and goes on from."""

import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from atsc_keras.cli.app import main
from atsc_keras.config import load_config
from atsc_keras.errors import DivergedError, InputError
from atsc_keras.training.jobs import distill, train
from tests.tiny_experiment import history, student_weights, write_config

pytestmark = pytest.mark.usefixtures("unrendered")


def test_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = load_config(write_config(tmp_path, epochs=3))
    train(config, tmp_path / "run", role="student")
    whole = student_weights(tmp_path / "run", "model")
    saved = tmp_path / "run" / "checkpoints" / "student_alone"
    (tmp_path / "run" / "model.keras").unlink()
    newest = saved / "epoch-00003.npz"
    newest.write_bytes(newest.read_bytes()[:100])
    train(config, tmp_path / "run", role="student", resume=True)
    said = capsys.readouterr()
    assert f"Not loaded: {newest}" in said.err
    assert "epochs 3 to 3" in said.out
    again = student_weights(tmp_path / "run", "model")
    for one, two in zip(whole, again, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    (tmp_path / "run" / "model.keras").unlink()
    for path in saved.iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match="must be whole and fit"):
        train(config, tmp_path / "run", role="student", resume=True)


def test_diverged_run_names_epoch_and_step_and_keeps_its_checkpoint(
    tmp_path: Path,
) -> None:
    path = write_config(tmp_path, epochs=3)
    overrides = [
        "student.training=null",
        "distillation.training.optimizer={learning_rate: 1.0e+30}",
    ]
    config = load_config(path, overrides)
    with pytest.raises(DivergedError, match=r"epoch 1, step \d.*clipnorm"):
        distill(config, tmp_path / "run")
    assert (tmp_path / "run" / "teacher.keras").exists()
    saved = list((tmp_path / "run" / "checkpoints" / "teacher").iterdir())
    assert sorted(path.name for path in saved) == [
        "epoch-00002.npz",
        "epoch-00003.npz",
    ]
    assert not (tmp_path / "run" / "student.keras").exists()


def test_divergence_in_the_last_step_of_an_epoch_leaves_no_checkpoint(
    tmp_path: Path,
) -> None:
    overrides = [
        "data.batch_size=48",  # one step an epoch
        "student.training.optimizer.learning_rate=1e+38",
        "student.training.schedule={name: constant}",
    ]
    config = load_config(write_config(tmp_path), overrides)
    with pytest.raises(DivergedError, match="at epoch 1, its last step"):
        train(config, tmp_path / "run", role="student")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.skipif(
    keras.backend.backend() == "torch",
    reason="promised for TensorFlow and JAX",
)
def test_killed_run_resumes_to_the_same_weights(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    path = write_config(tmp_path, epochs=3)
    overrides = [
        "student.training=null",
        # Of 3 batches an epoch: a checkpoint holds half of an update.
        "distillation.training.optimizer.gradient_accumulation_steps=2",
    ]
    distill(load_config(path, overrides), tmp_path / "undisturbed")

    run_dir = tmp_path / "killed"
    words = ["distill", path, *overrides, "--run-dir", run_dir]
    killer = ["tests.killed_in_writing", "/distillation/epoch-00002.npz"]
    killed = subprocess.run(
        [sys.executable, "-m", *killer, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    checkpoints = run_dir / "checkpoints" / "distillation"
    assert sorted(path.name for path in checkpoints.iterdir()) == [
        ".part-epoch-00002.npz",
        "epoch-00001.npz",
    ]
    assert not (run_dir / "student.keras").exists()

    capsys.readouterr()
    again = ["atsc_keras", *map(str, words), "--resume"]
    monkeypatch.setattr(sys, "argv", again)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert "== distillation: epochs 2 to 3\n" in capsys.readouterr().out
    assert not list(run_dir.rglob(".part-*"))
    rows = history(tmp_path / "killed")
    epochs = [int(r["epoch"]) for r in rows if r["phase"] == "distillation"]
    assert epochs == [1, 2, 3]
    for one, two in zip(
        student_weights(tmp_path / "undisturbed"),
        student_weights(tmp_path / "killed"),
        strict=True,
    ):
        # Threads add in another order in another process.
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
