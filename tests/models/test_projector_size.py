"""A projector is as wide as its teacher's size, or a budget, allows."""

from typing import Any

import pytest

from atsc_keras.errors import InputError
from atsc_keras.models.projector_size import projector_size

MAPS = ((8, 8, 6), (4, 4, 32))
NARROW = ((8, 8, 6), (4, 4, 3))


def bottleneck(inner: int, channels: int = 32) -> int:
    """Parameters under student features of 6 channels, by hand."""
    kernels = 6 * inner + 9 * inner * inner + inner * channels
    return kernels + 2 * (inner + inner + channels)


def chosen(*shapes: Any, of: int = 0, **settings: Any) -> int:
    form = settings.pop("form", "bottleneck")
    return projector_size("auto", shapes, form, of, **settings).reduction


@pytest.mark.parametrize(
    ("reduction", "inner"), [(2, 16), (4, 8), (8, 4), (16, 2), (32, 1)]
)
def test_auto_is_the_least_that_makes_at_most_a_quarter(
    reduction: int, inner: int
) -> None:
    teacher = 4 * bottleneck(inner)
    assert chosen(MAPS, of=teacher) == reduction
    assert chosen(MAPS, of=teacher - 1) == min(2 * reduction, 32)
    size = projector_size("auto", [MAPS], "bottleneck", teacher)
    assert size.chosen_by == "reduction"
    assert size.reason == (
        "the projector has at most a quarter of the teacher's parameters"
    )


@pytest.mark.parametrize(
    ("student", "teacher", "parameters", "reduction"),
    [
        # resnet32x4 teaches resnet8x4 as published; MobileNet a tiny ResNet.
        (((8, 8, 256), (8, 8, 256)), "resnet32x4", 7_433_860, 2),
        (((8, 8, 32), (2, 2, 768)), "MobileNet(alpha=0.75)", 1_837_588, 8),
    ],
)
def test_published_pair_keeps_its_projector_and_a_wide_one_shrinks(
    student: Any, teacher: str, parameters: int, reduction: int
) -> None:
    assert chosen(student, of=parameters) == reduction, teacher


def test_several_teachers_have_one_reduction_for_the_sum() -> None:
    shapes = (MAPS, ((8, 8, 6), (4, 4, 8)))
    both = bottleneck(8) + bottleneck(2, 8)
    assert chosen(*shapes, of=4 * both) == 4
    assert chosen(*shapes, of=4 * both - 1) == 8
    size = projector_size("auto", shapes, "bottleneck", 4 * both)
    assert size.reason is not None and "together" in size.reason
    assert "largest teacher's" in size.reason


def test_no_reduction_is_larger_than_the_narrowest_teacher_allows() -> None:
    assert chosen(MAPS, NARROW, of=1) == 2
    size = projector_size("auto", [MAPS, NARROW], "bottleneck", 1)
    assert size.reason is not None and "still more than" in size.reason
    assert chosen(((8, 8, 6), (4, 4, 1)), of=1) == 1


def test_forms_without_a_bottleneck_choose_nothing() -> None:
    same = ((6,), (6,))
    for form in ("linear", "none"):
        size = projector_size("auto", [same], form, 1)
        assert (size.reduction, size.chosen_by, size.reason) == (2, None, None)
        size = projector_size("auto", [same], form, 1, budget=6 * 6 + 2 * 6)
        assert (size.reduction, size.reason) == (2, None)


def test_leaner_form_is_left_more_channels() -> None:
    teacher = 4 * bottleneck(4)
    assert chosen(MAPS, of=teacher) == 8
    separable = 6 * 8 + 9 * 8 + 8 * 32 + 2 * (8 + 8 + 32)
    assert separable > bottleneck(4) > separable // 2
    assert chosen(MAPS, of=4 * separable, form="separable") == 4


@pytest.mark.parametrize(
    ("reduction", "inner", "following"),
    [(1, 32, 2), (3, 11, 4), (11, 3, 16), (16, 2, 32)],
)
def test_budget_is_kept_by_the_least_whole_reduction(
    reduction: int, inner: int, following: int
) -> None:
    budget = bottleneck(inner)
    assert chosen(MAPS, budget=budget) == reduction
    assert chosen(MAPS, budget=budget - 1) == following
    size = projector_size("auto", [MAPS], "bottleneck", 0, budget)
    assert size.chosen_by == "projector_parameters"
    assert f"at most {budget:,} parameters" in str(size.reason)


def test_budget_is_for_all_projectors_together() -> None:
    both = bottleneck(8) + bottleneck(2, 8)
    shapes = (MAPS, ((8, 8, 6), (4, 4, 8)))
    assert chosen(*shapes, budget=both) == 4
    assert chosen(*shapes, budget=both - 1) == 5


@pytest.mark.parametrize("budget", [0, -1, 2.0, True, "100", float("nan")])
def test_budget_is_a_whole_number(budget: Any) -> None:
    with pytest.raises(InputError, match="whole number, 1 or more.*Received"):
        chosen(MAPS, budget=budget)


def test_budget_that_is_too_small_names_what_is_enough() -> None:
    least = bottleneck(1)
    with pytest.raises(InputError) as caught:
        chosen(MAPS, budget=least - 1)
    assert str(caught.value) == (
        "`projector_parameters` must be enough for the smallest projector. "
        f"Received: projector_parameters={least - 1}; "
        f'projector="bottleneck" takes {least} at least. Give {least} or more.'
    )
    assert chosen(MAPS, budget=least) == 32


@pytest.mark.parametrize(
    ("shapes", "form", "budget", "way"),
    [
        # Of as many channels, none at all may be the way out.
        (((6,), (6,)), "linear", 30, '"bottleneck", which takes 29'),
        (((6,), (6,)), "bottleneck", 10, '"none", which takes 0'),
        # Of maps, 3x3 by 1 channel; of 2 channels a layer alone is less.
        (((4, 4, 1), (4, 4, 2)), "bottleneck", 10, '"linear", which takes 6'),
        (((6,), (8,)), "linear", 20, None),
    ],
)
def test_smaller_form_is_named_where_it_keeps_the_budget(
    shapes: tuple, form: str, budget: int, way: str | None
) -> None:
    with pytest.raises(
        InputError, match=f"projector_parameters={budget};"
    ) as e:
        chosen(shapes, form=form, budget=budget)
    text = str(e.value)
    if way is None:
        assert text.endswith("or more.") and "or projector" not in text
        return
    assert text.endswith(f"or projector={way}.")
    other = way.split('"')[1]
    chosen(shapes, form=other, budget=budget)


def test_reduction_and_budget_exclude_each_other() -> None:
    with pytest.raises(
        InputError,
        match='Received: reduction=4, projector_parameters=99..*"auto"',
    ):
        projector_size(4, [MAPS], "bottleneck", 0, 99)
    assert projector_size(4, [MAPS], "bottleneck", 0).reduction == 4
    with pytest.raises(InputError, match="reduction='least'. Use \"auto\""):
        projector_size("least", [MAPS], "bottleneck", 0)


@pytest.mark.parametrize("settings", [{}, {"budget": 1000}])
def test_what_cannot_be_built_is_refused_as_there(settings: dict) -> None:
    with pytest.raises(InputError, match="known size"):
        chosen(((None, None, 6), (4, 4, 8)), of=1, **settings)
    with pytest.raises(InputError, match="known size"):
        chosen(((4, 4, 6), (None, None, None)), of=1, **settings)
    with pytest.raises(InputError, match="bottleneck, .*projector='wide'"):
        chosen(MAPS, of=1, form="wide", **settings)
