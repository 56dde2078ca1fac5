"""Figures that show what adapting does to the teachers."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atsc_keras.records.models import Movement
from atsc_keras.reports.axes import (
    DASHES,
    is_finite,
    label_axes,
    percent_axis,
    plot_line,
)
from atsc_keras.reports.drawing import (
    BLUE,
    GREEN,
    ORANGE,
    QUIET,
    VIOLET,
    WIDTH,
    Drawing,
)

# Columns of the history, and what they are called on an axis.
_ACCURACY = "val_teacher_accuracy"
_SHOWN = {
    _ACCURACY: "teacher's accuracy",
    "val_feature_distance": "distance to student",
    "teacher_feature_power": "feature power",
}
_CYCLE = (BLUE, VIOLET, GREEN, ORANGE, QUIET)
_LAYERS_NAMED = 12  # as many names as are legible


def draw_adaptation(phase: Mapping[str, np.ndarray]) -> Drawing | None:
    """Draw the teacher by epoch: accuracy, distance to the student, power.

    Args:
        phase: columns of a distillation's history.

    Returns:
        None where the history has none of them.
    """
    shown = [name for name in _SHOWN if is_finite(phase.get(name))]
    if not shown:
        return None

    def plot(axes: Axes, name: str) -> None:
        plot_line(axes, phase["epoch"], phase[name], color=VIOLET)
        if name != _ACCURACY:
            axes.set_ylim(0.0, 1.15 * max(1.0, np.nanmax(phase[name])))
            axes.axhline(1.0, color=QUIET, linewidth=0.9, linestyle=DASHES[1])

    return Drawing.of(
        _panels(shown, 1.7, plot),
        "teacher_adaptation",
        "The teacher while it adapts",
        "On test images: its own accuracy, and how far the student's "
        "features are from its own (1: as far as their mean is). Below, the "
        "mean square of its features in training relative to the start "
        "(dashed): under 0.5 the teacher gives in by shrinking.",
    )


def draw_movements(
    movements: Mapping[str, Sequence[Movement]],
) -> Drawing | None:
    """Draw how far each layer of the teachers is from its start.

    Args:
        movements: by label; layers of the same teachers in the same order.

    Returns:
        None where nothing adapted.
    """
    movements = {label: m for label, m in movements.items() if m}
    if not movements:
        return None
    figure = Figure((WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    for (label, layers), color in zip(
        movements.items(), cycle(_CYCLE), strict=False
    ):
        moved = [layer.moved for layer in layers]
        axes.plot(moved, "o-", color=color, ms=3.5, lw=0.8, label=label)
    names = [layer.layer for layer in next(iter(movements.values()))]
    step = -(-len(names) // _LAYERS_NAMED)
    axes.set_xticks(
        range(0, len(names), step), names[::step], rotation=60, ha="right"
    )
    axes.tick_params(axis="x", labelsize=8)
    axes.set_ylim(bottom=0.0)
    axes.yaxis.set_major_formatter(percent_axis())
    axes.set_ylabel("moved, of its size")
    if len(movements) > 1:
        axes.legend(loc="best")
    return Drawing.of(
        figure,
        "teacher_movement",
        "How far the teacher moved",
        "Each layer of its encoder from input to output: the norm of what "
        "changed in its weights, relative to the norm that they had.",
    )


def draw_compared_adaptation(
    curves: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
) -> Drawing | None:
    """Draw distance and teacher's accuracy by epoch, for several methods.

    Args:
        curves: by label the curves of each seed, by column of the history.

    Returns:
        None where no method has any.
    """
    shown = [name for name in _SHOWN if any(name in c for c in curves.values())]
    if not shown:
        return None

    def plot(axes: Axes, name: str) -> None:
        for (label, columns), color in zip(
            curves.items(), cycle(_CYCLE), strict=False
        ):
            if name in columns:
                means = np.mean(columns[name], axis=0)
                epochs = np.arange(1, len(means) + 1)
                plot_line(axes, epochs, means, color=color, label=label)
        if name != _ACCURACY:
            axes.set_ylim(bottom=0.0)

    return Drawing.of(
        _panels(shown, 2.2, plot, lines=len(curves)),
        "teacher_adaptation",
        "What adapting does",
        "Means over the seeds, on test images: the teacher's own accuracy, "
        "and how far the student's features are from its own, relative to "
        "their variance.",
    )


def _panels(
    shown: Sequence[str],
    height: float,
    plot: Callable[[Axes, str], None],
    lines: int = 1,
) -> Figure:
    """Draw a panel a column, one above the other; the first has the legend."""
    figure = Figure((WIDTH, height * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, shown, strict=True):
        plot(axes, name)
        label_axes(axes, _SHOWN[name], lines if name == shown[0] else 1)
        axes.label_outer()
        if name == _ACCURACY:
            axes.yaxis.set_major_formatter(percent_axis())
    return figure
