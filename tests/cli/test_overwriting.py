"""No command deletes or changes a file that none of them wrote."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.test_command_line import refuse, run
from tests.tiny_experiment import write_config

Command = Callable[..., tuple[int, str, str]]
COMMANDS = {
    "train": ("--role", "student"),
    "distill": (),
    "compare": ("--methods", "student"),
    "benchmark": ("--steps", "2"),
}
FOREIGN = [
    *("thesis.txt", "best_of_all.keras", ".hidden", "my.yaml", "data.npz"),
    *("figures/me.png", "checkpoints/mine.npz", "export/thesis.txt"),
    *("runs/best/student.keras", "rates/mine", "deep/er/mine"),
    # What the command is about to write, and this run has not written.
    *("student.keras", "comparison.md", "benchmark.json", "diverged.txt"),
]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> Command:
    return lambda *words: run(monkeypatch, capfd, *words)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, its data and a run."""
    from atsc_keras.config import load_config
    from atsc_keras.training.jobs import train

    folder = tmp_path_factory.mktemp("trained")
    config = write_config(folder, epochs=1)
    train(load_config(config), folder / "run", role="student")
    return folder


@pytest.fixture
def place(trained: Path, tmp_path: Path) -> Path:
    """The same, to be spoiled."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    config = yaml.safe_load((tmp_path / "tiny.yaml").read_text())
    config["data"]["path"] = str(tmp_path / "data.npz")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def snapshot(folder: Path) -> dict[Path, bytes | str]:
    """All that lies there; of a link, where it leads."""
    return {
        path: os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize("job", COMMANDS)
@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_file_is_named_and_nothing_is_touched(
    name: str, job: str, place: Path, command: Command
) -> None:
    mine = place / "run" / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    before = snapshot(place)
    words = (job, place / "tiny.yaml", *COMMANDS[job])
    folder = ("--run-dir", place / "run")
    refuse(command, f"holds {name}", *words, *folder, "--overwrite")
    if job != "benchmark":  # which does not go on
        refuse(command, f"holds {name}", *words, *folder, "--resume")
    refuse(command, f"holds {name}", *words, *folder)
    assert snapshot(place) == before


@pytest.mark.parametrize("job", COMMANDS)
@pytest.mark.parametrize(
    "key", ["data.path", "student.weights", "teacher.weights"]
)
def test_what_is_read_is_not_deleted(
    key: str, job: str, place: Path, command: Command
) -> None:
    (place / "link").symlink_to(place / "run" / "model.keras")
    before = snapshot(place)
    for path in (place / "run" / "model.keras", place / "link"):
        refuse(
            command,
            "must not delete what the run reads",
            *(job, place / "tiny.yaml", f"{key}={path}", *COMMANDS[job]),
            *("--run-dir", place / "run", "--overwrite"),
        )
    assert snapshot(place) == before


def test_overwriting_renews_a_run_and_nothing_around_it(
    place: Path, command: Command
) -> None:
    (place / "disk").mkdir()
    (place / "run").rename(place / "disk" / "run")
    (place / "run").symlink_to(place / "disk" / "run")
    (place / "disk" / "mine").write_text("mine")
    own = set(snapshot(place / "disk" / "run"))
    around = {k: v for k, v in snapshot(place).items() if k not in own}
    # The run's own config may be the one to run.
    config = place / "run" / "config.yaml"
    words = ("train", config, "seed=1", "--role", "student", "--overwrite")
    status, _, err = command(*words, "--run-dir", place / "run")
    assert status == 0, err
    after = snapshot(place)
    assert {path: after[path] for path in around} == around
    assert "seed: 1" in config.read_text()


def test_samples_replace_samples_and_nothing_else(
    place: Path, command: Command
) -> None:
    data = place / "data.npz"
    mine = {name: place / f"{name}.npz" for name in ("other", "text", "link")}
    np.savez(mine["other"], x_train=1)
    mine["text"].write_text("mine")
    mine["link"].symlink_to(data)
    again = ("samples", place / "tiny.yaml", "--overwrite", "--out")
    before = snapshot(place)
    for out in (data, *mine.values()):
        refuse(command, "replaces earlier samples", *again, out)
    assert snapshot(place) == before
    for _ in range(2):
        assert command(*again, place / "samples.npz")[0] == 0
    # Samples too, where they are the data.
    refuse(
        command,
        "is read itself",
        *(*again, place / "samples.npz"),
        f"data.path={place / 'samples.npz'}",
    )
