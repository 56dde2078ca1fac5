"""What the command line says is checked as a config is, before any work."""

import os
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer

from atsc_keras.cli.program import app
from atsc_keras.errors import InputError
from export.cli import app as export_app
from tests.tiny_experiment import PUBLISHED, write_config

# Commands that open the data of a config, and what they need beside it.
COMMANDS = {
    "train": (),
    "distill": (),
    "compare": ("--methods", "student_alone"),
    "benchmark": (),
    "samples": ("--out", "s.npz"),
    "evaluate": ("--model", "m.keras"),
}
# Of each option that takes numbers: what no config would take in its place.
ABSURD = {
    "--seeds": ("-1", "0,0", "4294967296", "1.5", "nan", "9" * 5000, ""),
    "--learning-rates": ("0.05,nan", "0", "-1", "inf", "1e39", "1e-30", "x"),
    "--batch-size": ("0", "-1", "1000001", "49"),
    "--steps": ("0", "-1", "1", "100001", str(10**30)),
}
ABSURD_EXPORT = {
    "--test-images": ("0", "-1", "1000001"),
    "--calibration-images": ("0", "-1", "1000001"),
    "--seed": ("-1", "4294967296"),
    "--threads": ("0", "-1", "1025"),
    "--tolerance": ("nan", "inf", "-1", "2"),
    "--image-size": ("0", "99999", "8193x8", "9" * 5000, "-1", "nan"),
}


def _numbers(group: typer.Typer) -> set[str]:
    """Options of whole and other numbers, and those that list them."""
    found = set()
    for command in group.registered_commands:
        for name, kind in get_type_hints(command.callback).items():
            of_numbers = {int, float} & {kind, *get_args(kind)}
            if of_numbers or name in ("seeds", "learning_rates", "image_size"):
                found.add(f"--{name.replace('_', '-')}")
    return found


def test_every_option_of_numbers_is_held_here() -> None:
    assert _numbers(app) == ABSURD.keys()
    assert _numbers(export_app) == ABSURD_EXPORT.keys()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_config(tmp_path, networks=PUBLISHED)


def _refusal(group: typer.Typer, *words: object) -> str:
    with pytest.raises(InputError) as caught:
        group(args=[str(word) for word in words], standalone_mode=False)
    assert "Received: " in str(caught.value)
    assert len(str(caught.value)) < 2000
    return str(caught.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option in ABSURD for value in ABSURD[option]],
)
def test_absurd_number_is_refused_before_any_work(
    option: str, value: str, config: Path
) -> None:
    command = (
        "benchmark" if option in ("--batch-size", "--steps") else "compare"
    )
    words = (command, config, *COMMANDS[command], "--run-dir", "run")
    said = _refusal(app, *words, option, value)
    assert option.strip("-").replace("-", "_") in said.replace("-", "_")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (option, value)
        for option in ABSURD_EXPORT
        for value in ABSURD_EXPORT[option]
    ],
)
def test_absurd_number_of_an_export_is_refused_before_any_work(
    option: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = _refusal(export_app, "m.keras", "--out", "out", option, value)
    assert option in said
    assert not Path("out").exists()


def test_wrong_pattern_of_a_benchmark_is_refused(config: Path) -> None:
    said = _refusal(app, "benchmark", config, "--trainable", "(")
    assert "--trainable" in said and "regular expressions" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_change_of_a_config_is_checked_by_every_command(
    command: str, config: Path
) -> None:
    words = (command, config, "seed=-1", *COMMANDS[command])
    assert "seed: must be at least 0" in _refusal(app, *words)


@pytest.mark.parametrize("path", ["pipe", "/dev/zero"])
def test_pipes_and_devices_are_no_files(path: str, config: Path) -> None:
    os.mkfifo("pipe")
    for words in (
        ("train", path),
        ("compare", config, "--variants", path),
        ("evaluate", config, "--model", path),
        ("train", config, f"teacher.weights={path}"),
        ("train", config, f"data.path={path}"),
        ("train", config, f"data={{source: idx, path: {path}}}"),
        ("train", config, f"data={{source: folder, path: {path}}}"),
    ):
        assert path in _refusal(app, *words)
