"""A student's projectors are small by themselves, in training and in files."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.errors import InputError
from atsc_keras.models.complexity import count_parameters
from tests.tiny import batch, sgd, tiny_atsc, tiny_encoder, tiny_teacher, values

# A teacher of 860 parameters, 215 of them a quarter; projectors 4 -> inner -> 8
# of 224 with 4 channels inside (reduction 2), 145 with 3, 84 with 2; separable
# ones of 116, 91 and 66.
TEACHER = 860
PUBLISHED = {"projector": "bottleneck"}


def parameters(student: DistilledStudent) -> int:
    return sum(map(count_parameters, student.projectors))


@pytest.mark.parametrize(
    ("settings", "form", "reduction", "trained"),
    [
        ({}, "separable", 2, 116),  # 224 are more than a quarter
        ({"reduction": 4}, "bottleneck", 4, 84),
        ({"projector_parameters": 224}, "bottleneck", 2, 224),
        ({"projector_parameters": 223}, "separable", 1, 216),
        ({"projector_parameters": 91}, "separable", 3, 91),
        ({**PUBLISHED, "projector_parameters": 90}, "bottleneck", 4, 84),
    ],
)
def test_form_is_the_published_one_where_it_is_small_enough(
    settings: dict, form: str, reduction: int, trained: int, tmp_path: Path
) -> None:
    atsc = tiny_atsc(**settings)
    found = (atsc.student.projector, atsc.student.reduction)
    assert found == (form, reduction)
    assert parameters(atsc.student) == trained
    atsc.save(tmp_path / "atsc.keras")
    loaded = keras.models.load_model(tmp_path / "atsc.keras")
    assert (loaded.student.projector, loaded.student.reduction) == found


def test_projectors_of_several_teachers_have_one_form() -> None:
    narrow = DistilledStudent(tiny_encoder(1), [tiny_teacher()])
    assert (narrow.projector, parameters(narrow)) == ("bottleneck", 212)
    both = DistilledStudent(tiny_encoder(1), [tiny_teacher(), tiny_teacher()])
    assert (both.projector, both.reduction) == ("separable", 2)


def test_by_default_the_projector_has_at_most_a_quarter() -> None:
    atsc = tiny_atsc(**PUBLISHED)
    assert count_parameters(atsc.teacher) == TEACHER
    assert atsc.student.reduction == 4
    assert type(atsc.student.reduction) is int
    assert parameters(atsc.student) == 84 <= TEACHER / 4
    assert parameters(tiny_atsc(reduction=2).student) == 224 > TEACHER / 4


@pytest.mark.parametrize(
    "settings", [{"reduction": "auto"}, {"projector_parameters": 84}]
)
def test_choosing_draws_nothing_from_the_random_state(settings: dict) -> None:
    def start(**asked: Any) -> list[np.ndarray]:
        keras.utils.set_random_seed(7)
        asked |= PUBLISHED
        return values(ATSC(tiny_teacher(), tiny_encoder(4), **asked))

    np.testing.assert_equal(start(**settings), start(reduction=4))


def test_several_teachers_share_one_reduction() -> None:
    teachers = [tiny_teacher(8), tiny_teacher(16)]
    student = ATSC(teachers, tiny_encoder(4), **PUBLISHED).student
    largest = max(map(count_parameters, teachers))
    assert parameters(student) <= largest / 4
    halved = student.reduction // 2
    wider = ATSC(
        [tiny_teacher(8), tiny_teacher(16)], tiny_encoder(4), reduction=halved
    )
    assert parameters(wider.student) > largest / 4
    inner = [p.get_layer("bn1").gamma.shape[0] for p in student.projectors]
    assert inner == [8 // student.reduction, 16 // student.reduction]


@pytest.mark.parametrize(
    ("budget", "reduction", "trained"),
    [(224, 2, 224), (223, 3, 145), (145, 3, 145), (np.int64(84), 4, 84)],
)
def test_budget_holds_what_is_trained(
    budget: int, reduction: int, trained: int
) -> None:
    student = tiny_atsc(projector_parameters=budget, **PUBLISHED).student
    assert student.reduction == reduction
    assert parameters(student) == trained


def test_budget_beside_a_number_or_a_built_student_is_refused() -> None:
    with pytest.raises(InputError, match="reduction=2, projector_parameters=9"):
        tiny_atsc(reduction=2, projector_parameters=9)
    with pytest.raises(InputError, match="=9;.* takes 41 at least. Give 41 or"):
        tiny_atsc(projector_parameters=9, **PUBLISHED)
    least = tiny_atsc(projector_parameters=41, **PUBLISHED)
    assert least.student.reduction == 8
    teacher = tiny_teacher()
    student = DistilledStudent(
        tiny_encoder(4), [teacher], projector_parameters=145, **PUBLISHED
    )
    assert ATSC(teacher, student).student.reduction == 3
    with pytest.raises(InputError, match="a DistilledStudent, which has one"):
        ATSC(teacher, student, projector_parameters=145)


@pytest.mark.parametrize(
    ("settings", "reduction"),
    [({}, 4), ({"projector_parameters": 200}, 3), ({"reduction": 2}, 2)],
)
def test_file_keeps_the_reduction_that_was_settled(
    settings: dict, reduction: int, tmp_path: Path
) -> None:
    atsc = tiny_atsc(**settings, **PUBLISHED)
    assert atsc.get_config()["reduction"] == reduction
    assert "projector_parameters" not in atsc.get_config()
    atsc.compile(sgd())
    atsc.train_on_batch(*batch())
    atsc.save(tmp_path / "atsc.keras")
    loaded = keras.models.load_model(tmp_path / "atsc.keras")
    assert loaded.student.reduction == reduction
    np.testing.assert_equal(values(loaded.student), values(atsc.student))
    # What a file says is not judged anew.
    assert loaded.student.projector_size.reason is None
    assert loaded.get_config()["reduction"] == reduction
