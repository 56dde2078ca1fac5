"""What of a training ships: how large it is, and a word where it is large."""

import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from atsc_keras.backend import process_place
from atsc_keras.distillation.distillation_trainer import DistillationTrainer
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.distillation.reporting import teacher_names
from atsc_keras.models.complexity import count_multiply_adds, count_parameters
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.projector_size import WITHOUT_BOTTLENECK
from atsc_keras.models.stage_maps import stem_note

_WORTH_A_NOTE = 0.5  # of the teacher's parameters
# What a `DistilledStudent` is built with, beside its networks.
SETTINGS = ("reduction", "batch_norm_momentum", "projector")


def shipped(
    network: DistilledStudent | ImageClassifier, name: str = "student"
) -> keras.Model:
    """Make what a run saves of a network: a distilled student is folded.

    Args:
        network: a classifier or a distilled student.
        name: of the model; default "student".
    """
    if isinstance(network, DistilledStudent):
        return network.to_functional(name, folded=True)
    return network.to_functional(name)


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes:
        parameters: trainable scalars, frozen layers included.
        multiply_adds: of one image.
    """

    parameters: int
    multiply_adds: int

    @classmethod
    def of(cls, network: keras.Model) -> "Size":
        """Measure any built network of one input."""
        return cls(count_parameters(network), count_multiply_adds(network))


class SizedTrainer(DistillationTrainer):
    """A trainer of a distilled student that says how large it ships.

    Attributes:
        size_is_said: whether what there is to say has been said.
    """

    size_is_said = False

    def before_fit(self, verbose: Any = "auto") -> None:
        """Say once where the student ships with much of a teacher's size."""
        super().before_fit(verbose)
        if not self.size_is_said:
            say_if_large(self.student, self.teachers, verbose=bool(verbose))
            if verbose and not process_place()[0]:
                say_stems(self.student.encoder, self.teachers)
        self.size_is_said = True

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print `keras.Model.summary`, and what ships beside the teachers."""
        super().summary(
            *(line_length, positions, print_fn),
            *(expand_nested, show_trainable, layer_range),
        )
        (print_fn or print)(f" {projector_words(self.student)}")
        networks = {" Ships, as `student.to_functional()`": self.student}
        names = teacher_names(len(self.teachers))
        for name, teacher in zip(names, self.teachers, strict=True):
            networks[f" {name.capitalize()}"] = teacher
        for name, network in networks.items():
            size = Size.of(network)
            (print_fn or print)(
                f"{name}: {size.parameters:,} parameters, "
                f"{size.multiply_adds:,} multiply-adds an image"
            )


def projector_words(student: DistilledStudent) -> str:
    """Say how large the projectors are in training, and what made them so."""
    size = student.projector_size
    several = len(student.projectors) > 1
    form = _setting(student, size.reduction)
    if student.projector in WITHOUT_BOTTLENECK:
        form = f'projector="{student.projector}"'
    chosen = f" (chosen: {size.reason})" if size.reason else ""
    return (
        f"Projector{'s' * several}: "
        f"{sum(map(count_parameters, student.projectors)):,} parameters in "
        f"training, {form}{chosen}"
    )


def say_if_large(
    student: DistilledStudent,
    teachers: Sequence[ImageClassifier],
    *,
    folded: bool = False,
    verbose: bool = True,
) -> None:
    """Warn of a student that ships larger than its teacher.

    Above half of that it is a line of output. Both name a `reduction` that
    helps, if there is one. Of several teachers the largest counts; of several
    processes the first speaks.

    Args:
        student: as it starts.
        teachers: that it is made for.
        folded: whether it ships so; default: no.
        verbose: whether the line is written; default: yes.
    """
    own = _shipped_parameters(student, folded)
    teacher = max(map(count_parameters, teachers))
    large = own > teacher
    limit = teacher if large else int(_WORTH_A_NOTE * teacher)
    if own <= limit or not (large or verbose):
        return
    smaller = _smaller(student, teachers, limit, folded)
    if process_place()[0]:
        return
    now = f"now {student.reduction}"
    if student.projector_size.chosen_by == "projector_parameters":
        now += ", by `projector_parameters`, which it replaces"
    elif student.projector_size.chosen_by:
        now += ', by "auto"'
    now += "; in a config `distillation.reduction`"
    whose = "its teacher" if len(teachers) == 1 else "the largest teacher"
    if not large:
        line = (
            f"The student ships with {own:,} parameters, {own / teacher:.2f} "
            f"of {whose}'s {teacher:,}"
        )
        if smaller:
            reduction, less = smaller
            setting = _setting(student, reduction)
            line += f"; `{setting}` ({now}) would make it {less:,}"
        print(f"{line}.", flush=True)
        return
    around = own - count_parameters(student.encoder)
    warnings.warn(
        f"The student ships larger than {whose}: {own:,} parameters, "
        f"{around:,} of them around its encoder in projector and classifier, "
        f"where the teacher has {teacher:,}. "
        + (
            f"Set `{_setting(student, smaller[0])}` ({now}): it then ships "
            f"with {smaller[1]:,}."
            if smaller
            else f"No `reduction` ({now}) makes it smaller than that: take a "
            "student with a smaller encoder."
        ),
        stacklevel=5,  # the user's `fit`
    )


def _setting(student: DistilledStudent, reduction: int) -> str:
    """Say what gives a projector of a student's form a reduction."""
    if student.projector == "bottleneck":
        return f"reduction={reduction}"
    return f'projector="{student.projector}", reduction={reduction}'


def say_stems(
    student: keras.Model, teachers: Sequence[ImageClassifier]
) -> None:
    """Print a line for each network that was made for larger pictures."""
    encoders = [student, *(teacher.encoder for teacher in teachers)]
    names = ["student", *teacher_names(len(teachers))]
    for name, encoder in zip(names, encoders, strict=True):
        if note := stem_note(encoder, name):
            print(note, flush=True)


def _shipped_parameters(student: DistilledStudent, folded: bool) -> int:
    return count_parameters(shipped(student) if folded else student)


def _smaller(
    student: DistilledStudent,
    teachers: Sequence[ImageClassifier],
    limit: int,
    folded: bool,
) -> tuple[int, int] | None:
    """Find a reduction that brings a student to a limit, and its size then.

    None where there is none.
    """
    settings = {name: getattr(student, name) for name in SETTINGS}
    drawn = random.getstate()  # what Keras seeds initial weights from
    try:
        for reduction in _larger_reductions(student):
            settings["reduction"] = reduction
            other = DistilledStudent(student.encoder, teachers, **settings)
            parameters = _shipped_parameters(other, folded)
            if parameters <= limit:
                return reduction, parameters
    finally:
        random.setstate(drawn)
    return None


def _larger_reductions(student: DistilledStudent) -> Iterator[int]:
    """Double a student's reduction up to the narrowest teacher's channels."""
    most = min(p.output_shape[-1] for p in student.projectors)
    reduction = 2 * student.reduction
    while reduction < most:
        yield reduction
        reduction *= 2
    if most > student.reduction:
        yield most
