"""The network that ships, on labels alone, stands beside what taught it."""

import inspect
from pathlib import Path

import pytest

from atsc_keras.comparing.candidates import DEFAULT_METHODS
from atsc_keras.comparing.comparison import compare
from atsc_keras.comparing.trial import Trial
from atsc_keras.config import load_config
from atsc_keras.records.models import Metrics
from atsc_keras.records.run import Run
from atsc_keras.reports.comparison import comparison_table
from export.from_run import files_of_run
from tests.markers import ONCE
from tests.tiny_experiment import write_config

pytestmark = pytest.mark.usefixtures("unrendered")


@ONCE  # it is trained on every backend in `training/test_same_size.py`
def test_it_joins_a_comparison_that_was_made_without_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config, run = (
        load_config(write_config(tmp_path, epochs=1)),
        tmp_path / "run",
    )
    compare(config, run, ("student", "simkd"), (0,))
    first, _, rest = capsys.readouterr().out.partition("simkd_seed0")
    assert "Student that ships: " in first and "ships" not in rest
    trained = []
    fit = Trial._fit

    def noted(trial: Trial, *arguments: object) -> None:
        trained.append(trial.path.name)
        fit(trial, *arguments)

    monkeypatch.setattr(Trial, "_fit", noted)
    summary = compare(
        config, run, ("student_same_size", "simkd"), (0,), resume=True
    )
    assert trained == ["student_same_size_seed0"]
    assert list(summary.methods) == [
        *("student_alone", "student_same_size", "simkd")
    ]
    same, shared = (
        summary.methods[name] for name in ("student_same_size", "simkd")
    )
    assert same.parameters == shared.parameters
    assert same.multiply_adds == shared.multiply_adds
    assert same.adaptation == (None,)
    assert "Same size alone: the network that SimKD and ATSC ship" in " ".join(
        comparison_table(summary).split()
    )
    trial = run / "runs" / "student_same_size_seed0"
    assert list(Run(trial).demand(Metrics).models) == ["student_same_size"]
    page = (trial / "report.html").read_text()
    assert "The network of the same size trained alone gets" in page
    assert files_of_run(trial).model.name == "student_same_size.keras"


@ONCE
def test_several_teachers_and_a_rate_of_its_own(tmp_path: Path) -> None:
    recipe = {"epochs": 1}
    asked = {"network": "tiny_teacher", "training": recipe}
    config = load_config(
        write_config(tmp_path, epochs=1, teacher=[asked, asked])
    )
    summary = compare(
        config,
        tmp_path / "run",
        ("student_same_size", "atsc"),
        (0,),
        learning_rates=(0.01, 0.02),
    )
    same, atsc = (
        summary.methods[name] for name in ("student_same_size", "atsc")
    )
    assert same.parameters == atsc.parameters
    assert same.multiply_adds == atsc.multiply_adds
    choice = summary.learning_rates["student_same_size"]
    result = tmp_path / "run/runs/student_same_size_seed0/config.yaml"
    recipe = load_config(result).student.training
    assert recipe.optimizer.learning_rate == choice.chosen


@ONCE
def test_it_is_compared_by_default() -> None:
    assert DEFAULT_METHODS == (
        *("student_alone", "student_same_size", "kd", "simkd", "atsc"),
    )
    default = inspect.signature(compare).parameters["methods"].default
    assert default == DEFAULT_METHODS
