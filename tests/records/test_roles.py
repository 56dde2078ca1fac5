"""Each network of a run has one name, which is read back."""

import pytest

from atsc_keras.methods.registry import find_method
from atsc_keras.records.roles import (
    Part,
    Role,
    in_order,
    role_of_phase,
    teacher_parts,
)


@pytest.mark.parametrize(
    ("part", "stem", "label"),
    [
        (Part(Role.TEACHER), "teacher", "Teacher"),
        (Part(Role.TEACHER, 1), "teacher_1", "Teacher 1"),
        (Part(Role.STUDENT_ALONE), "student_alone", "Student alone"),
        (
            Part(Role.STUDENT_SAME_SIZE),
            "student_same_size",
            "Same size alone",
        ),
        (Part(Role.STUDENT), "student", "Student distilled"),
        (
            Part(Role.TEACHER, 12).adapted,
            "adapted_teacher_12",
            "Adapted teacher 12",
        ),
    ],
)
def test_name_is_read_back(part: Part, stem: str, label: str) -> None:
    assert (part.stem, part.label) == (stem, label)
    assert Part.of(stem) == part


@pytest.mark.parametrize("stem", ["", "students", "teacher_", "teacher_one"])
def test_other_names_are_refused(stem: str) -> None:
    with pytest.raises(ValueError, match="not a valid Role"):
        Part.of(stem)


def test_tables_have_teachers_first_and_adapted_ones_last() -> None:
    stems = [
        *("teacher_2", "student_alone", "student_same_size"),
        *("student", "adapted_teacher"),
    ]
    assert in_order(stems[::-1]) == stems


def test_several_teachers_are_counted_and_one_is_not() -> None:
    assert [part.stem for part in teacher_parts(1)] == ["teacher"]
    assert [part.stem for part in teacher_parts(2)] == [
        "teacher_1",
        "teacher_2",
    ]


def test_each_role_has_a_colour_of_its_own() -> None:
    assert len({role.color for role in Role}) == len(Role)


@pytest.mark.parametrize(
    ("phase", "role"),
    [
        ("teacher_2", Role.TEACHER),
        ("student_alone", Role.STUDENT_ALONE),
        ("student", Role.STUDENT_ALONE),  # the method of a comparison
        ("student_same_size", Role.STUDENT_SAME_SIZE),
        ("distillation", Role.STUDENT),
        ("teachers_of_mine@Loss", Role.STUDENT),
    ],
)
def test_phase_tells_what_it_makes(phase: str, role: Role) -> None:
    assert role_of_phase(phase) is role


@pytest.mark.parametrize("role", [Role.STUDENT_ALONE, Role.STUDENT_SAME_SIZE])
def test_role_and_method_of_one_name_are_called_and_drawn_alike(
    role: Role,
) -> None:
    method = find_method(role)
    assert (method.label, method.color) == (role.label, role.color)
    assert method.kind == "labels"


def test_short_word_for_the_student_alone_is_taken() -> None:
    assert find_method("student").name == Role.STUDENT_ALONE
