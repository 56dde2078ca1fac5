"""Form and width of a projector: by its teacher's size, or by a budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Final

from atsc_keras.errors import InputError
from atsc_keras.models.projector import PROJECTORS, count_projector_parameters
from atsc_keras.types import Shape

AUTO: Final = "auto"
WITHOUT_BOTTLENECK = ("linear", "none")
# Of the largest teacher: half of what is called large (`shipping`), so that
# as much again is left for the encoder, which has to do the seeing.
_LARGEST_SHARE = 0.25
_IN_WORDS = "a quarter"


@dataclass(frozen=True)
class ProjectorSize:
    """Form of a projector, and what divides its teacher's channels inside.

    Attributes:
        reduction: that number.
        chosen_by: the setting that chose it; None where it was given.
        reason: what it was chosen for, in words; None likewise.
        form: of `build_projector`.
    """

    reduction: int
    chosen_by: str | None = None
    reason: str | None = None
    form: str = "bottleneck"


def projector_size(
    reduction: Any,
    shapes: Sequence[tuple[Shape, Shape]],
    form: str,
    teacher_parameters: int,
    budget: Any = None,
) -> ProjectorSize:
    """Settle one reduction for the projectors of all teachers.

    Args:
        reduction: "auto", or a number, which is checked where a projector is
            built.
        shapes: for each teacher those of the student's features and its own.
        form: of `build_projector`, or "auto": "bottleneck" where a reduction
            is given, or 2 is narrow enough for it; else "separable".
        teacher_parameters: of the largest teacher.
        budget: most parameters of all projectors together; None (default) =
            as `reduction` says.

    Returns:
        For "auto" the least of 2, 4, 8, ... with which the projectors have at
        most a quarter of the largest teacher's parameters; where none has,
        the largest that the narrowest teacher allows. For a budget the least
        whole number that keeps it.

    Raises:
        InputError: if no projector keeps the budget, it is given beside a
            reduction, or shapes and form do not fit together.
    """
    if form == AUTO:
        limit = _LARGEST_SHARE * teacher_parameters
        if isinstance(budget, Integral):
            limit = float(budget)
        published = _count(
            shapes, "bottleneck", min(2, _largest_reduction(shapes))
        )
        wide = isinstance(reduction, str) and published > limit
        form = "separable" if wide else "bottleneck"
    size = _size(reduction, shapes, form, teacher_parameters, budget)
    return replace(size, form=form)


def _size(
    reduction: Any,
    shapes: Sequence[tuple[Shape, Shape]],
    form: str,
    teacher_parameters: int,
    budget: Any,
) -> ProjectorSize:
    chosen = isinstance(reduction, str) and reduction == AUTO
    if budget is not None:
        if not chosen:
            raise InputError(
                "`projector_parameters` chooses `reduction` itself. Received: "
                f"reduction={reduction!r}, projector_parameters={budget!r}. "
                'Leave one of them out, or set reduction="auto".'
            )
        return _within(budget, shapes, form)
    if not chosen:
        if isinstance(reduction, str):
            raise InputError(
                '`reduction` must be a whole number or "auto". Received: '
                f'reduction={reduction!r}. Use "auto".'
            )
        return ProjectorSize(reduction)
    most = _largest_reduction(shapes)
    if form in WITHOUT_BOTTLENECK:
        return ProjectorSize(min(2, most))
    several = len(shapes) > 1
    ours = "the projectors together have" if several else "the projector has"
    theirs = "the largest teacher's" if several else "the teacher's"
    doubled = [2**power for power in range(1, most.bit_length())] or [1]
    limit = _LARGEST_SHARE * teacher_parameters
    for found in doubled:
        if _count(shapes, form, found) <= limit:
            reason = f"{ours} at most {_IN_WORDS} of {theirs} parameters"
            return ProjectorSize(found, "reduction", reason)
    reason = (
        f"the largest for so few channels; {ours} still more than "
        f"{_IN_WORDS} of {theirs} parameters"
    )
    return ProjectorSize(doubled[-1], "reduction", reason)


def _within(
    budget: Any, shapes: Sequence[tuple[Shape, Shape]], form: str
) -> ProjectorSize:
    is_whole = isinstance(budget, Integral) and not isinstance(budget, bool)
    if not is_whole or budget < 1:
        raise InputError(
            "`projector_parameters` must be a whole number, 1 or more. "
            f"Received: projector_parameters={budget!r}. Leave it out for at "
            f"most {_IN_WORDS} of the teacher's parameters."
        )
    name = "projector_parameters"
    most = _largest_reduction(shapes)
    for reduction in range(1, most + 1):
        if _count(shapes, form, reduction) <= budget:
            if form in WITHOUT_BOTTLENECK:
                return ProjectorSize(min(2, most))
            reason = f"the widest projector of at most {budget:,} parameters"
            return ProjectorSize(reduction, name, reason)
    least = {
        other: _count(shapes, other, most)
        for other in PROJECTORS
        if other != "none" or all(ours[-1] == its[-1] for ours, its in shapes)
    }
    ways = f"Give {least[form]} or more"
    smaller = [other for other, count in least.items() if count <= budget]
    if smaller:
        best = max(smaller, key=least.__getitem__)
        ways += f', or projector="{best}", which takes {least[best]}'
    raise InputError(
        f"`{name}` must be enough for the smallest projector. Received: "
        f'{name}={budget}; projector="{form}" takes {least[form]} at least. '
        f"{ways}."
    )


def _largest_reduction(shapes: Sequence[tuple[Shape, Shape]]) -> int:
    """Find what the narrowest teacher allows."""
    return min(int(teacher[-1] or 1) for _, teacher in shapes)


def _count(
    shapes: Sequence[tuple[Shape, Shape]], form: str, reduction: int
) -> int:
    return sum(
        count_projector_parameters(
            student, teacher, -(-int(teacher[-1] or 0) // reduction), form
        )
        for student, teacher in shapes
    )
