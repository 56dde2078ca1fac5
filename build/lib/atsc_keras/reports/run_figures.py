"""The figures of a report: SVG that follows the reader's light or dark."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from atsc_keras.records.models import EpochRow, Metrics, Movement
from atsc_keras.records.roles import (
    DISTILLATION,
    Part,
    Role,
    in_order,
    role_of_phase,
)
from atsc_keras.reports.adaptation_figures import (
    draw_adaptation,
    draw_movements,
)
from atsc_keras.reports.axes import (
    DASHES,
    is_finite,
    label_axes,
    log_axis,
    percent_axis,
    plot_line,
)
from atsc_keras.reports.drawing import (
    BLUE,
    COLORS,
    GREEN,
    INK,
    VIOLET,
    WIDTH,
    Drawing,
    drawing_settings,
)
from atsc_keras.reports.numbers import percent
from atsc_keras.reports.run import phase_label
from atsc_keras.reports.statistics import interval, wrong_images

# Columns of each phase of `history.csv`; NaN where the file is blank.
_Columns: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]

_LOSSES = (
    ("feature_loss", "Alignment", BLUE),
    ("l2sp_loss", "L2-SP", VIOLET),
    ("teacher_loss", "Cross-entropy", GREEN),
)
_LOG_FROM = 5.0  # largest over smallest value that asks for a log axis
# The worst tenth of the epochs may leave the picture of the others.
_CUT_QUANTILE = 0.1


def draw_figures(
    metrics: Metrics,
    rows: Sequence[EpochRow],
    movements: Sequence[Movement] = (),
) -> list[Drawing]:
    """Draw whatever a run has the numbers for.

    Args:
        metrics: its results.
        rows: of its history.
        movements: of the teachers' layers.

    Returns:
        The figures in the order of reading; same input, same bytes.
    """
    history = _columns(rows)
    drawings: list[Drawing | None] = []
    with drawing_settings():
        drawings.append(_test_errors(metrics))
        drawings.append(_accuracy(history))
        drawings.append(_losses(history))
        phase = history.get(DISTILLATION, {})
        drawings.append(draw_adaptation(phase))
        drawings.append(draw_movements({"": movements}))
        drawings.append(_learning_rate(history))
    return [drawing for drawing in drawings if drawing is not None]


def _columns(rows: Sequence[EpochRow]) -> _Columns:
    """Find the further columns of each phase, NaN where a row has no number."""
    history = {}
    for phase in dict.fromkeys(row.phase for row in rows):
        own = [row for row in rows if row.phase == phase]
        names = dict.fromkeys(name for row in own for name in row.logs)
        columns = {"epoch": np.array([float(row.epoch) for row in own])}
        for name in names:
            values = np.array([row.logs.get(name, np.nan) for row in own])
            columns[name] = np.where(np.isfinite(values), values, np.nan)
        history[phase] = columns
    return history


def _test_errors(metrics: Metrics) -> Drawing | None:
    stems, images = in_order(metrics.models), metrics.test_examples
    if len(stems) < 2:
        return None
    figure = Figure((WIDTH, 0.9 + 0.42 * len(stems)), layout="constrained")
    axes = figure.subplots()
    right = 0.0
    parts = [Part.of(stem) for stem in stems]
    for place, (stem, part) in enumerate(zip(stems, parts, strict=True)):
        accuracy = metrics.models[stem].accuracy
        low, high = (1.0 - end for end in reversed(interval(accuracy, images)))
        error, right = 1.0 - accuracy, max(right, high)
        axes.barh(place, error, height=0.56, color=COLORS[part.role.color])
        axes.plot([low, high], [place, place], color=INK, linewidth=1.0)
        wrong = wrong_images(accuracy, images)
        axes.annotate(
            f"{wrong:,} wrong, {percent(error, images)}",
            (high, place),
            (6, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(parts)), [part.label for part in parts])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlim(0.0, 1.75 * right)  # room for the numbers
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(percent_axis())
    axes.set_xlabel("test images answered wrongly")
    return Drawing.of(
        figure,
        "test_errors",
        "Test errors",
        f"Of {images:,} test images, those that each model gets wrong: the "
        "shorter, the better. The thin lines are 95 % intervals for the "
        "choice of test images; what another seed would change comes on top.",
    )


def _accuracy(history: _Columns) -> Drawing | None:
    column = "val_accuracy"
    phases = _phases_with(history, column)
    if not phases:
        return None
    figure = Figure((WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    _plot(axes, history, column, phases)
    values = _together(history, column, phases)
    best, low = values.max(), np.quantile(values, _CUT_QUANTILE, method="lower")
    margin = 0.06 * max(best - low, 0.01)
    floor = max(0.0, low - margin)
    axes.set_ylim(floor, best + margin)
    axes.yaxis.set_major_formatter(percent_axis())
    label_axes(axes, "test accuracy", len(phases))
    caption = "After each epoch."
    if DISTILLATION in phases:
        caption += " In the distillation it is the student's."
    if values.min() < floor:
        caption += f" The axis starts at {percent(float(floor))}."
    return Drawing.of(figure, "accuracy", "Test accuracy by epoch", caption)


def _losses(history: _Columns) -> Drawing | None:
    phase = history.get(DISTILLATION, {})
    curves = {
        label: (np.where(phase[column] > 0, phase[column], np.nan), color)
        for column, label, color in _LOSSES
        if column in phase
    }
    curves = {key: it for key, it in curves.items() if is_finite(it[0])}
    if not curves:
        return None
    figure = Figure((WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    for label, (values, color) in curves.items():
        plot_line(axes, phase["epoch"], values, color=color, label=label)
    log_axis(axes, np.concatenate([values for values, _ in curves.values()]))
    label_axes(axes, "training loss, log scale", len(curves))
    return Drawing.of(
        figure,
        "distillation_losses",
        "Losses while distilling",
        "Alignment draws the features of student and teacher together; L2-SP "
        "holds the teacher near its start; the cross-entropy keeps the "
        "shared classifier right. Shown without their weights.",
    )


def _learning_rate(history: _Columns) -> Drawing | None:
    column = "learning_rate"
    phases = _phases_with(history, column)
    if not phases:
        return None
    figure = Figure((WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    _plot(axes, history, column, phases)
    # Phases often share a schedule: what lies under another stays visible.
    for lines_above, line in enumerate(reversed(axes.lines)):
        line.set_linewidth(1.4 + 1.4 * lines_above)
    values = _together(history, column, phases)
    positive = values[values > 0]
    if positive.size and positive.max() > _LOG_FROM * positive.min():
        log_axis(axes, positive)
    else:
        axes.set_ylim(bottom=0.0)
    label_axes(axes, "learning rate", len(phases))
    return Drawing.of(
        figure, "learning_rate", "Learning rate", "At the end of each epoch."
    )


def _plot(
    axes: Axes, history: _Columns, column: str, phases: list[str]
) -> None:
    """Draw a column of several phases; teachers differ by their dashes."""
    teachers = 0
    for phase in phases:
        values, role = history[phase], role_of_phase(phase)
        how: dict[str, Any] = {
            "color": COLORS[role.color],
            "label": phase_label(phase),
        }
        if role is Role.TEACHER:
            how["linestyle"] = DASHES[teachers % len(DASHES)]
            teachers += 1
        plot_line(axes, values["epoch"], values[column], **how)


def _phases_with(history: _Columns, column: str) -> list[str]:
    return [name for name in history if is_finite(history[name].get(column))]


def _together(
    history: _Columns, column: str, phases: Sequence[str]
) -> np.ndarray:
    values = np.concatenate([history[phase][column] for phase in phases])
    return values[np.isfinite(values)]
