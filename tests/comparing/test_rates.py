"""Learning rates are chosen once, and what came of it holds."""

from pathlib import Path

import pytest

from atsc_keras.comparing.comparison import compare
from atsc_keras.comparing.trial import Trial
from atsc_keras.config import load_config
from atsc_keras.errors import DivergedError
from atsc_keras.records.comparisons import Comparison, LearningRates
from atsc_keras.records.run import Run
from atsc_keras.reports.comparison import comparison_table
from tests.markers import ONCE
from tests.tiny_experiment import write_config

pytestmark = [ONCE, pytest.mark.usefixtures("unrendered")]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the folders of what has trained, in order."""
    names: list[str] = []
    fit = Trial._fit

    def noted(trial: Trial, *arguments: object) -> None:
        names.append(trial.path.name)
        fit(trial, *arguments)

    monkeypatch.setattr(Trial, "_fit", noted)
    return names


def test_rates_that_all_diverge_are_a_result(
    tmp_path: Path, trained: list[str]
) -> None:
    # No rate helps with so large a loss.
    methods = {"at": {"transfer_weight": 1e38}}
    config = load_config(write_config(tmp_path, epochs=1, methods=methods))
    run, rates = tmp_path / "run", (0.02, 0.1)
    named = ("at", "student")
    first = compare(config, run, named, (3,), learning_rates=rates)
    choice = first.learning_rates["at"]
    assert choice.chosen is None
    assert choice.held_out_accuracy == (None, None)
    assert first.diverged == {"at": (3,)}
    assert list(first.methods) == ["student_alone"]
    assert Run(run).demand(Comparison) == first
    table = " ".join(comparison_table(first).split())
    assert "Diverged, and not counted: AT (seed 3)" in table
    assert "at_rate0.02" in trained and "at_seed3" not in trained

    # Neither its rates nor itself are tried again, for whatever seed.
    trained.clear()
    for again in (rates, ()):
        second = compare(
            config, run, named, (3, 4), learning_rates=again, resume=True
        )
        assert second.diverged == {"at": (3,)}
        assert second.methods["student_alone"].seed == (3, 4)
    assert trained == ["student_alone_seed4"]


def test_rates_of_every_method_may_diverge(
    tmp_path: Path, trained: list[str]
) -> None:
    config = load_config(write_config(tmp_path, epochs=1))
    run = tmp_path / "run"
    with pytest.raises(DivergedError, match="student_alone.*smaller learning"):
        compare(config, run, ("student",), (0,), learning_rates=(1e30, 1e31))
    assert Run(run).demand(LearningRates).choices["student_alone"].rates
    assert all(name.startswith("student_alone_rate") for name in trained)


@pytest.mark.parametrize("repeated", [(), (0.3, 0.02)])
def test_seeds_that_come_later_have_the_chosen_rates(
    repeated: tuple[float, ...], tmp_path: Path, trained: list[str]
) -> None:
    config = load_config(write_config(tmp_path, epochs=1))
    run, named = tmp_path / "run", ("student", "kd")
    first = compare(config, run, named, (0,), learning_rates=(0.02, 0.3))
    trained.clear()
    # Another seed comes first: the choice was made with the former.
    second = compare(
        config, run, named, (1, 0), learning_rates=repeated, resume=True
    )
    assert trained == ["student_alone_seed1", "kd_seed1"]
    assert second.learning_rates == first.learning_rates
    for name in ("student_alone", "kd"):
        assert second.methods[name].seed == (0, 1)
        chosen = first.learning_rates[name].chosen
        asked = load_config(run / f"runs/{name}_seed1/config.yaml")
        recipe = (
            asked.student.training
            if name == "student_alone"
            else asked.methods.kd.training
        )
        assert recipe.optimizer.learning_rate == chosen != 0.05
