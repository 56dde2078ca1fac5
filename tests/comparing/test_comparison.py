"""Methods are compared on equal terms, and nothing is trained twice."""

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.comparing.comparison import compare
from atsc_keras.comparing.trial import Trial
from atsc_keras.config import METHODS, load_config, load_variants
from atsc_keras.errors import DivergedError, InputError
from atsc_keras.records.comparisons import Comparison
from atsc_keras.records.manifest import Manifest
from atsc_keras.records.models import Metrics
from atsc_keras.records.run import Run
from atsc_keras.reports.comparison import comparison_table
from tests.markers import ONCE
from tests.tiny_experiment import write_config

pytestmark = pytest.mark.usefixtures("unrendered")

FEW = ("student", "at")
NAMES = ["student_alone", "at"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("comparison")
    config = load_config(write_config(folder, epochs=2))
    run = folder / "run"
    summary = compare(config, run, FEW, (0, 1))
    return {"dir": run, "config": config, "summary": summary}


def weights(path: Path) -> list[np.ndarray]:
    return keras.models.load_model(path, compile=False).get_weights()


def test_comparison_holds_every_method_and_seed(
    finished: dict[str, Any],
) -> None:
    comparison = Run(finished["dir"]).demand(Comparison)
    assert comparison == finished["summary"]
    assert comparison.origin.config == finished["config"]
    assert list(comparison.methods) == NAMES
    for runs in comparison.methods.values():
        assert runs.seed == (0, 1)
        assert [len(curve) for curve in runs.curve] == [2, 2]
    lines = (finished["dir"] / "comparison.csv").read_text().splitlines()
    rows = list(csv.DictReader(lines))
    assert [(row["method"], row["seed"]) for row in rows] == [
        (method, seed) for method in NAMES for seed in "01"
    ]
    page = (finished["dir"] / "report.html").read_text()
    for label in ("Student alone", "AT", "Gap closed"):
        assert label in page
    assert "| AT |" in (finished["dir"] / "comparison.md").read_text()


def test_trial_is_an_ordinary_run(finished: dict[str, Any]) -> None:
    trial = finished["dir"] / "runs" / "at_seed1"
    config = load_config(trial / "config.yaml")
    assert config.seed == 1
    assert config.teachers[0].weights == str(finished["dir"] / "teacher.keras")
    metrics = Run(trial).demand(Metrics)
    share = finished["summary"].methods["at"].accuracy[1]
    assert metrics.models["student"].accuracy == share
    assert not (trial / "checkpoints").exists()


def test_student_alone_is_called_so_everywhere(
    finished: dict[str, Any],
) -> None:
    trial = finished["dir"] / "runs" / "student_alone_seed0"
    assert list(Run(trial).demand(Metrics).models) == ["student_alone"]
    assert (trial / "student_alone.keras").exists()
    page = (trial / "report.html").read_text()
    assert "The student alone gets" in page
    assert "distilled" not in page.lower()


def test_methods_begin_with_one_student(
    finished: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    starts: dict[str, list[np.ndarray]] = {}

    def note(trial: Any, trainer: Any, *_: Any) -> None:
        student = getattr(trainer, "student", trainer)
        starts[f"{trial.candidate.method}{trial.config.seed}"] = [
            np.array(w) for w in student.encoder.get_weights()
        ]
        raise DivergedError("enough")

    monkeypatch.setattr(Trial, "_fit", note)
    teacher = {
        "network": "tiny_teacher",
        "weights": str(finished["dir"] / "teacher.keras"),
    }
    config = load_config(write_config(tmp_path, teacher=teacher))
    with pytest.raises(DivergedError, match="dkd.*all diverged"):
        compare(config, tmp_path / "run", METHODS, (0,))
    for method in METHODS:
        for one, two in zip(
            starts["student_alone0"], starts[f"{method}0"], strict=True
        ):
            np.testing.assert_array_equal(one, two)
    with pytest.raises(DivergedError):
        compare(config, tmp_path / "run", ("at",), (1,), resume=True)
    assert any(
        np.any(one != two)
        for one, two in zip(starts["at0"], starts["at1"], strict=True)
    )


@ONCE
def test_resumed_comparison_trains_what_is_missing_only(
    finished: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = finished["dir"] / "runs" / "at_seed0"
    lost = finished["dir"] / "runs" / "at_seed1"
    before = weights(lost / "student.keras")
    # As if killed before its end.
    (lost / "manifest.json").write_text(
        Run(lost)
        .demand(Manifest)
        .model_copy(update={"networks": {}})
        .model_dump_json()
    )
    (lost / "student.keras").unlink()
    trained = []
    fit = Trial._fit

    def counted(trial: Any, *arguments: Any) -> None:
        trained.append(trial.path)
        fit(trial, *arguments)

    monkeypatch.setattr(Trial, "_fit", counted)
    summary = compare(
        finished["config"],
        finished["dir"],
        ("at",),
        (0, 1),
        resume=True,
    )
    assert trained == [lost]
    assert kept.exists()
    assert list(summary.methods) == NAMES  # the other is still there
    for one, two in zip(before, weights(lost / "student.keras"), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@ONCE
def test_finished_trial_of_another_recipe_is_not_taken_for_this_one(
    finished: dict[str, Any],
) -> None:
    with pytest.raises(InputError, match="optimizer.learning_rate=0.01 instea"):
        compare(
            finished["config"],
            finished["dir"],
            ("at",),
            (0,),
            learning_rates=(0.01,),
            resume=True,
        )


@ONCE
def test_method_that_diverges_does_not_end_the_others(tmp_path: Path) -> None:
    recipe = {"epochs": 1, "optimizer": {"learning_rate": 1e30}}
    config = load_config(
        write_config(tmp_path, epochs=1, methods={"at": {"training": recipe}})
    )
    summary = compare(config, tmp_path / "run", ("at", "student"), (0,))
    assert summary.diverged == {"at": (0,)}
    assert list(summary.methods) == ["student_alone"]
    text = (tmp_path / "run" / "runs" / "at_seed0" / "diverged.txt").read_text()
    assert "must stay finite in the at phase" in text
    assert "Diverged, and not counted: AT (seed 0)" in " ".join(
        comparison_table(summary).split()
    )


def test_simkd_leaves_the_teacher_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers = []
    fit = Trial._fit

    def noted(trial: Any, trainer: Any, *arguments: Any) -> None:
        fit(trial, trainer, *arguments)
        trainers.append(trainer)

    monkeypatch.setattr(Trial, "_fit", noted)
    recipe = {"epochs": 1, "optimizer": {"learning_rate": 0.5}}
    methods = {"simkd": {"training": recipe}}
    config = load_config(write_config(tmp_path, epochs=1, methods=methods))
    compare(config, tmp_path / "run", ("simkd",), (0,))
    taught = trainers[0].teacher.get_weights()
    for one, two in zip(
        weights(tmp_path / "run" / "teacher.keras"), taught, strict=True
    ):
        np.testing.assert_array_equal(one, two)
    history = (tmp_path / "run/runs/simkd_seed0/history.csv").read_text()
    row = next(csv.DictReader(history.splitlines()))
    assert float(row["learning_rate"]) == 0.5


@ONCE
def test_config_changes_what_is_published(tmp_path: Path) -> None:
    methods = {"sp": {"transfer_weight": 0.0, "student_loss_weight": 0.0}}
    config = load_config(write_config(tmp_path, epochs=1, methods=methods))
    compare(config, tmp_path / "run", ("sp",), (0,))
    history = (tmp_path / "run/runs/sp_seed0/history.csv").read_text()
    row = next(csv.DictReader(history.splitlines()))
    assert float(row["loss"]) == 0
    assert float(row["transfer_loss"]) > 0


@ONCE
def test_variants_stand_beside_their_method(tmp_path: Path) -> None:
    path = write_config(tmp_path, epochs=1)
    variants = tmp_path / "variants.yaml"
    variants.write_text(
        "kernels_only: [distillation.l2sp_scope=kernels]\n"
        "fixed: ['teacher.trainable=[]']\n"
    )
    summary = compare(
        load_config(path),
        tmp_path / "run",
        ("atsc",),
        (0,),
        variants=load_variants(variants, path),
    )
    assert list(summary.methods) == [
        *("atsc", "atsc-fixed", "atsc-kernels_only")
    ]
    trial = tmp_path / "run" / "runs" / "atsc-kernels_only_seed0"
    assert load_config(trial / "config.yaml").distillation.l2sp_scope == (
        "kernels"
    )
    (fixed,) = summary.methods["atsc-fixed"].adaptation
    assert fixed is not None and fixed.layers == ()
    table = (tmp_path / "run" / "comparison.md").read_text()
    assert "| ATSC, kernels only |" in table
    assert (tmp_path / "run" / "runs" / "atsc_seed0").exists()


@ONCE
def test_learning_rates_are_chosen_on_held_out_images(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, epochs=2))
    summary = compare(
        config,
        tmp_path / "run",
        ("student", "kd", "atsc"),
        (1,),
        learning_rates=(1e30, 1e-9, 0.05),
    )
    chosen = summary.learning_rates
    for name in ("student_alone", "kd", "atsc"):
        choice = chosen[name]
        assert choice.rates == (1e-9, 0.05, 1e30)
        shares = choice.held_out_accuracy
        assert shares[2] is None  # diverged
        best = max(shares[:2])
        assert choice.chosen == choice.rates[shares.index(best)]
        result = load_config(tmp_path / f"run/runs/{name}_seed1/config.yaml")
        assert result.data.hold_out is None
        recipes = {
            "student_alone": result.student.training,
            "kd": result.methods.kd.training,
            "atsc": result.distillation.training,
        }
        assert recipes[name].optimizer.learning_rate == choice.chosen
        tried = tmp_path / "run" / "rates" / f"{name}_rate0.05"
        data = load_config(tried / "config.yaml").data
        assert data.hold_out == 0.1
        metrics = Run(tried).demand(Metrics)
        # A tenth of the 16 images of each of 3 classes.
        assert (metrics.train_examples, metrics.test_examples) == (42, 6)
    text = " ".join(comparison_table(summary).split())
    assert "Learning rates, of 1e-09, 0.05, 1e+30 the best" in text
    assert f"KD {chosen['kd'].chosen:g}" in text
