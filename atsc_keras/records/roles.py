"""What a network is in a run, in one word for files, records and pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

DISTILLATION = "distillation"  # the phase that trains student and teachers


class Role(StrEnum):
    """What a network is; its value stands in file names and records."""

    TEACHER = "teacher"
    STUDENT_ALONE = "student_alone"
    STUDENT_SAME_SIZE = "student_same_size"
    STUDENT = "student"
    ADAPTED_TEACHER = "adapted_teacher"

    @property
    def label(self) -> str:
        """For a reader."""
        return _LABELS.get(self, self.replace("_", " ").capitalize())

    @property
    def color(self) -> str:
        """In figures and pages, by its name in `reports.drawing.COLORS`."""
        return _COLORS[self]


_LABELS = {
    Role.STUDENT: "Student distilled",
    Role.STUDENT_SAME_SIZE: "Same size alone",
}
_COLORS = {
    Role.TEACHER: "green",
    Role.STUDENT_ALONE: "orange",
    Role.STUDENT_SAME_SIZE: "gold",
    Role.STUDENT: "blue",
    Role.ADAPTED_TEACHER: "violet",
}


@dataclass(frozen=True)
class Part:
    """One network of a run: its role, and which of several teachers it is.

    Args:
        role: what it is.
        number: from 1; None where there is one of its kind.

    Example:
        >>> Part(Role.ADAPTED_TEACHER, 2).stem
        'adapted_teacher_2'
    """

    role: Role
    number: int | None = None

    @property
    def stem(self) -> str:
        """Its name in records, and that of its file without `.keras`."""
        return self.role + (f"_{self.number}" if self.number else "")

    @property
    def label(self) -> str:
        """For a reader."""
        return self.role.label + (f" {self.number}" if self.number else "")

    @property
    def adapted(self) -> "Part":
        """What becomes of this teacher while it teaches."""
        return Part(Role.ADAPTED_TEACHER, self.number)

    @classmethod
    def of(cls, stem: str) -> "Part":
        """Read a name of records.

        Raises:
            ValueError: if it is none.
        """
        head, _, tail = stem.rpartition("_")
        if tail.isdecimal() and head in set(Role):
            return cls(Role(head), int(tail))
        return cls(Role(stem))


def is_part(stem: str) -> bool:
    """Tell whether a name is that of a network of a run."""
    try:
        Part.of(stem)
    except ValueError:
        return False
    return True


def role_of_phase(phase: str) -> Role:
    """Tell what a training makes, by its name in the history.

    In a comparison the name is the method's; what learns alone was `student`
    in release 0.1.
    """
    if not is_part(phase):
        return Role.STUDENT
    role = Part.of(phase).role
    return Role.STUDENT_ALONE if role is Role.STUDENT else role


def teacher_parts(count: int) -> list[Part]:
    """List the teachers of a run before they adapt."""
    if count == 1:
        return [Part(Role.TEACHER)]
    return [Part(Role.TEACHER, number) for number in range(1, count + 1)]


def in_order(stems: Iterable[str]) -> list[str]:
    """Sort names of networks as a table does: teachers, student alone, ..."""
    roles = list(Role)
    return sorted(stems, key=lambda stem: roles.index(Part.of(stem).role))
