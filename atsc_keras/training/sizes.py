"""How large what is to be trained will be, said before it is."""

from collections.abc import Sequence

from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.distillation.shipping import (
    Size,
    projector_words,
    say_if_large,
    say_stems,
    shipped,
)
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.processes import is_first
from atsc_keras.records.roles import Role, teacher_parts
from atsc_keras.reports.numbers import quantity, ratio


def tell_sizes(
    teachers: Sequence[ImageClassifier],
    alone: ImageClassifier,
    students: Sequence[DistilledStudent],
) -> None:
    """Say how large teachers, student alone and distilled students are.

    A student that ships larger than its teacher is warned of.

    Args:
        teachers: in the order of the config.
        alone: the student with a head of its own.
        students: as distillation makes them; of equal ones the first is said.
    """
    of_teachers = [Size.of(teacher) for teacher in teachers]
    largest = max(size.parameters for size in of_teachers)
    parts = teacher_parts(len(of_teachers))
    lines = [
        (part.label, size)
        for part, size in zip(parts, of_teachers, strict=True)
    ]
    lines.append((Role.STUDENT_ALONE.label, Size.of(alone)))
    by_size: dict[Size, DistilledStudent] = {}
    for student in students:
        by_size.setdefault(Size.of(shipped(student)), student)
    if is_first():
        for name, size in lines:
            _tell(name, size, largest)
        for size, student in by_size.items():
            _tell("Student that ships", size, largest)
            print(projector_words(student), flush=True)
        say_stems(alone.encoder, teachers)
    for student in by_size.values():
        say_if_large(student, teachers, folded=True)


def _tell(name: str, size: Size, largest: int) -> None:
    share = ratio(size.parameters, largest)
    print(
        f"{name}: {quantity(size.parameters)} parameters ({share}), "
        f"{quantity(size.multiply_adds)} multiply-adds an image",
        flush=True,
    )
