"""The network that ships is trained on labels alone too, where asked for."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.config import config_digest, differences, load_config
from atsc_keras.data.loading import load_dataset
from atsc_keras.distillation.shipping import Size, shipped
from atsc_keras.models.complexity import count_parameters
from atsc_keras.models.projector import build_projector
from atsc_keras.records.run import Run
from atsc_keras.reports.numbers import quantity
from atsc_keras.training import saved_phases
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.jobs import distill, evaluate_run
from atsc_keras.training.trainers import build_atsc, build_same_size
from tests.markers import ONCE
from tests.tiny_experiment import write_config

pytestmark = pytest.mark.usefixtures("unrendered", "eager_steps")

ASKED = ["student.same_size=true"]


def test_run_that_is_finished_gets_it_and_stays_as_it_is(
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, folder = write_config(tmp_path, epochs=1), tmp_path / "run"
    before = distill(load_config(path), folder)
    assert "student_same_size" not in before.models
    kept = {
        name: (folder / f"{name}.keras").read_bytes()
        for name in ("teacher", "student_alone", "student", "adapted_teacher")
    }
    capsys.readouterr()
    config = load_config(path, ASKED)
    metrics = distill(config, folder, resume=True)
    for name, content in kept.items():
        assert (folder / f"{name}.keras").read_bytes() == content
    assert list(metrics.models) == [
        *("teacher", "student_alone", "student_same_size"),
        *("student", "adapted_teacher"),
    ]
    own, student = (
        metrics.models[name] for name in ("student_same_size", "student")
    )
    assert own.parameters == student.parameters
    assert own.multiply_adds == student.multiply_adds
    begun = Experiment(config, load_dataset(config.data))
    start = build_same_size(begun.teachers(), begun)
    learnt = keras.models.load_model(folder / "student_same_size.keras")
    for one, two in zip(
        shipped(start).trainable_variables,
        learnt.trainable_variables,
        strict=True,
    ):
        assert np.any(np.array(one) != np.array(two)), one.path
    assert load_config(folder / "config.yaml").student.same_size
    rows = [row.phase for row in Run(folder).history()]
    assert rows.count("student_same_size") == 1
    assert evaluate_run(folder).models == metrics.models
    # The sizes come before any training.
    out = capsys.readouterr().out
    first, _, rest = out.partition("== ")
    for name in ("Teacher: ", "Student alone: ", "Student that ships: "):
        assert name in first and name not in rest
    (made,) = re.findall(r"\nProjector: .* parameters in training, (.*)\n", out)
    form = 'projector="separable", reduction='
    assert made.startswith(form) and " (chosen: the " in made
    assert f"{quantity(student.parameters)} parameters" in first

    monkeypatch.setattr(saved_phases, "fit_network", None)
    assert distill(config, folder, resume=True).models == metrics.models


def experiment(tmp_path: Path, **sections: Any) -> Experiment:
    config = load_config(write_config(tmp_path, **sections))
    return Experiment(config, load_dataset(config.data))


def numbers(model: keras.Model) -> list[np.ndarray]:
    return [np.array(w) for w in model.get_weights()]


@pytest.mark.parametrize("teachers", [1, 2])
def test_it_starts_as_the_distilled_student_but_for_its_heads(
    teachers: int, tmp_path: Path
) -> None:
    recipe = {"epochs": 1}
    asked = {"network": "tiny_teacher", "training": recipe}
    made = experiment(tmp_path, teacher=[asked] * teachers)
    known = made.teachers()
    before = [numbers(teacher) for teacher in known]
    same, again = (build_same_size(known, made) for _ in range(2))
    taught = build_atsc(known, made).student
    for part in ("encoder", "projectors"):
        ours, theirs = (
            [
                w
                for x in keras.tree.flatten(getattr(net, part))
                for w in numbers(x)
            ]
            for net in (same, taught)
        )
        np.testing.assert_equal(ours, theirs)
    for ours, theirs in zip(same.heads, taught.heads, strict=True):
        assert np.any(numbers(ours)[0] != numbers(theirs)[0])
    np.testing.assert_equal(numbers(same), numbers(again))
    np.testing.assert_equal([numbers(t) for t in known], before)
    assert Size.of(shipped(same)) == Size.of(shipped(taught))


def test_budget_of_a_config_is_kept_by_both(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    budget = 1000
    config = load_config(path, [f"distillation.projector_parameters={budget}"])
    made = Experiment(config, load_dataset(config.data))
    known = made.teachers()
    students = [
        build_atsc(known, made).student,
        build_same_size(known, made),
    ]
    for student in students:
        (projector,) = student.projectors
        wider = build_projector(
            *(projector.input_shape[1:], projector.output_shape[1:]),
            student.reduction - 1,
        )
        assert count_parameters(projector) <= budget < count_parameters(wider)
    both = load_config(path, ["distillation.reduction=3"])
    given = build_atsc(known, Experiment(both, made.dataset)).student
    assert (given.reduction, given.projector_size.reason) == (3, None)


@ONCE
def test_it_is_no_part_of_what_a_result_depends_on(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    plain, asked = load_config(path), load_config(path, ASKED)
    assert config_digest(plain) == config_digest(asked)
    assert differences(plain, asked) == []
    other = load_config(path, [*ASKED, "seed=1"])
    assert differences(plain, other) == ["seed=1 instead of 0"]


@ONCE
def test_without_a_baseline_there_is_none_of_its_size(tmp_path: Path) -> None:
    student = {"network": "tiny", "same_size": True}
    config = load_config(write_config(tmp_path, epochs=1, student=student))
    metrics = distill(config, tmp_path / "run")
    assert list(metrics.models) == ["teacher", "student", "adapted_teacher"]


@ONCE
def test_larger_student_is_warned_of_before_its_teacher_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    networks = ("tiny", "tiny_teacher")  # the small one teaches
    config = load_config(write_config(tmp_path, epochs=1, networks=networks))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_phases, "fit_network", stop)
        with (
            pytest.warns(UserWarning, match="ships larger than its teacher"),
            pytest.raises(KeyboardInterrupt),
        ):
            distill(config, tmp_path / "run")
    out = capsys.readouterr().out
    assert "Student that ships: " in out and "== " not in out
