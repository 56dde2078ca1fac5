"""A comparison that cannot be made is refused before it begins."""

import re
from pathlib import Path

import pytest

from atsc_keras.comparing.comparison import compare
from atsc_keras.config import load_config
from atsc_keras.errors import InputError
from tests.tiny_experiment import write_config


@pytest.mark.parametrize("rates", [(0.1, 0.1), (0.0, 0.1), (-0.1,)])
def test_wrong_learning_rates_are_refused(
    tmp_path: Path, rates: tuple[float, ...]
) -> None:
    config = load_config(write_config(tmp_path))
    with pytest.raises(InputError, match="`--learning-rates` must be"):
        compare(config, tmp_path / "run", learning_rates=rates)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("methods", "seeds", "message"),
    [
        (("kd", "simkdd"), (0,), "Received: 'simkdd'. Nearest: simkd,"),
        (("kd",), (), "Received: none"),
        (("kd",), (0, 0), "Received: 0,0"),
        (("kd",), (-1,), "Received: -1"),
    ],
)
def test_wrong_words_are_refused(
    tmp_path: Path,
    methods: tuple[str, ...],
    seeds: tuple[int, ...],
    message: str,
) -> None:
    config = load_config(write_config(tmp_path))
    with pytest.raises(InputError, match=re.escape(message)):
        compare(config, tmp_path / "run", methods, seeds)
    assert not (tmp_path / "run").exists()


def test_student_without_a_recipe_cannot_be_compared(tmp_path: Path) -> None:
    student = {"network": "tiny"}
    config = load_config(write_config(tmp_path, student=student))
    with pytest.raises(InputError, match="train with kd. Received: student"):
        compare(config, tmp_path / "run", ("atsc", "kd"))


def test_several_teachers_are_for_simkd_and_atsc_only(tmp_path: Path) -> None:
    one = {"network": "tiny_teacher", "weights": "t.keras"}
    config = load_config(write_config(tmp_path, teacher=[one, one]))
    with pytest.raises(InputError, match="kd with 2 teachers"):
        compare(config, tmp_path / "run", ("atsc", "kd"))
