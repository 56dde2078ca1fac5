"""`extends`: what is refused, and what each mistake is told."""

from pathlib import Path

import pytest

from atsc_keras.config import load_config
from atsc_keras.errors import InputError


def _message(folder: Path, text: str, *overrides: str) -> str:
    path = folder / "child.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_config(path, overrides)
    assert "Received: " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("value", ["", "''", "3", "[a.yaml]", "{a: b}"])
def test_what_names_no_file_is_refused(folder: Path, value: str) -> None:
    message = _message(folder, f"extends: {value}\nsed: 3\n")
    assert len(message.splitlines()) == 1
    assert message.startswith("`extends` must be the path of a config file or")
    assert "child.yaml. Write, for example, extends: common/" in message


def test_missing_file_is_refused_with_the_way_to_it(folder: Path) -> None:
    (folder / "middle.yaml").write_text("extends: digits_resnet14_resnet9\n")
    message = _message(folder, "extends: middle.yaml\n")
    assert len(message.splitlines()) == 1
    assert "What a config extends must exist" in message
    chain = (folder / "child.yaml", folder / "middle.yaml")
    assert f"{chain[0]} -> {chain[1]} -> digits_resnet14_resnet9." in message
    assert "Nearest of the shipped: digits_resnet14_resnet8x0.125" in message
    assert "must be a YAML file, not a dir" in _message(folder, "extends: .\n")


def test_circle_is_refused_with_all_of_it(folder: Path) -> None:
    (folder / "middle.yaml").write_text("extends: ./child.yaml\n")
    message = _message(folder, "extends: middle.yaml\n")
    assert len(message.splitlines()) == 1
    assert "in a circle. Received: " in message
    assert f"child.yaml -> {folder / 'middle.yaml'} -> ./child.y" in message
    assert "in a circle" in _message(folder, "extends: child.yaml\n")


def test_mistake_in_what_is_extended_names_its_file(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(
        "extends: base.yaml\n"
        "data: {flipp: true, classes: 1}\n"
        "student: {training: {epochs: 0, optimizer: {name: lion}}}\n"
        "methods: {kd: {temperature: 0}}\n"
        "teacher: [{network: 3, weights: w}]\n"
    )
    message = _message(
        folder,
        "extends: wrong.yaml\nseed: -1\nmethods: {kd: {temperature: -1}}\n",
        "student.training.epochs=-1",
        "teacher.0.network=4",
    )
    first, *lines = message.splitlines()
    assert first == f"{folder / 'child.yaml'} has 7 mistakes:"
    place = f" It is in {folder / 'wrong.yaml'}."
    assert {line.split(":")[0].strip(): place in line for line in lines} == {
        **{"data.flipp": True, "data.classes": True, "seed": False},
        **{"student.training.optimizer.name": True},
        **{"student.training.epochs": False, "teacher.0.network": False},
        "methods.kd.temperature": False,
    }


def test_extended_file_that_is_no_yaml_is_named(folder: Path) -> None:
    (folder / "broken.yaml").write_text("a: [1")
    message = _message(folder, "extends: broken.yaml\n")
    assert f"Received: {folder / 'broken.yaml'}, which is not" in message


def test_slip_of_the_pen_is_told(folder: Path) -> None:
    assert "Did you mean `extends`?" in _message(folder, "extend: a.yaml\n")
    assert "precision, extends." in _message(folder, "zzzz: 1\n")


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("extends: base.yaml\nstudent: {extends: b.yaml}\n", []),
        ("teacher: [{network: a, weights: w, extends: b.yaml}]", []),
        ("extends: base.yaml\n", ["extends=b.yaml"]),
    ],
)
def test_it_is_refused_elsewhere_than_at_the_top_of_a_file(
    folder: Path, text: str, overrides: list[str]
) -> None:
    message = _message(folder, text, *overrides)
    assert "extends: is for the top of a config file only. Rec" in message
    assert "Write it there, for example extends: common/" in message
