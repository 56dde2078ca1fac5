"""The figures of a report: SVG that follows the reader's light or dark."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.ticker import LogLocator
from matplotlib.ticker import MaxNLocator
from matplotlib.ticker import NullFormatter

from atsc_keras.training.drawing import BLUE
from atsc_keras.training.drawing import GREEN
from atsc_keras.training.drawing import INK
from atsc_keras.training.drawing import ORANGE
from atsc_keras.training.drawing import QUIET
from atsc_keras.training.drawing import VIOLET
from atsc_keras.training.drawing import WIDTH
from atsc_keras.training.drawing import Drawing
from atsc_keras.training.drawing import drawing_settings
from atsc_keras.training.formats import interval
from atsc_keras.training.formats import percent
from atsc_keras.training.formats import wrong_images
from atsc_keras.training.summary import order_roles
from atsc_keras.training.summary import role_label

# Columns of each phase of `history.csv`; NaN where the file is blank.
History: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]

_COLORS = {"student": BLUE, "distillation": BLUE, "student_alone": ORANGE}
_DASHES = ("solid", (0, (4, 1.6)), (0, (1, 1.4)), (0, (5, 1.4, 1, 1.4)))
_LOSSES = (
    ("feature_loss", "Alignment", BLUE),
    ("l2sp_loss", "L2-SP", VIOLET),
    ("teacher_loss", "Cross-entropy", GREEN),
)
_ADAPTATION = {
    "teacher_accuracy": "accuracy",
    "teacher_feature_power": "feature power",
}
_LEGEND_COLUMNS = 3  # as many as fit above the axes
_FEW_EPOCHS = 15  # up to here each epoch gets a dot
_LOG_FROM = 5.0  # largest over smallest value that asks for a log axis
# The worst tenth of the epochs may leave the picture of the others.
_CUT_QUANTILE = 0.1
_MANY_DECADES = 2.5  # from here on only powers of ten are labelled


def draw_figures(metrics: dict[str, Any], history: History) -> list[Drawing]:
    """Draw whatever a run has the numbers for.

    Args:
        metrics: what `metrics.json` holds.
        history: columns of each phase.

    Returns:
        The figures in the order of reading; same input, same bytes.
    """
    drawings: list[Drawing | None] = []
    with drawing_settings():
        drawings.append(_test_errors(metrics))
        drawings.append(_accuracy(history))
        drawings.append(_losses(history))
        drawings.append(_adaptation(history))
        drawings.append(_learning_rate(history))
    return [drawing for drawing in drawings if drawing is not None]


def _test_errors(metrics: dict[str, Any]) -> Drawing | None:
    roles, images = order_roles(metrics), metrics.get("test_examples")
    if len(roles) < 2 or not images:
        return None
    figure = Figure((WIDTH, 0.9 + 0.42 * len(roles)), layout="constrained")
    axes = figure.subplots()
    right = 0.0
    for place, role in enumerate(roles):
        accuracy = metrics["models"][role]["accuracy"]
        low, high = (1.0 - end for end in reversed(interval(accuracy, images)))
        error, right = 1.0 - accuracy, max(right, high)
        axes.barh(place, error, height=0.56, color=_color(role))
        axes.plot([low, high], [place, place], color=INK, linewidth=1.0)
        wrong = wrong_images(accuracy, images)
        axes.annotate(
            f"{wrong:,} wrong, {percent(error, images)}",
            (high, place),
            (6, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(roles)), [role_label(role) for role in roles])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlim(0.0, 1.75 * right)  # room for the numbers
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(_percent_axis())
    axes.set_xlabel("test images answered wrongly")
    return Drawing.of(
        figure,
        "test_errors",
        "Test errors",
        f"Of {images:,} test images, those that each model gets wrong: the "
        "shorter, the better. The thin lines are 95 % intervals for the "
        "choice of test images; what another seed would change comes on top.",
    )


def _accuracy(history: History) -> Drawing | None:
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
    axes.yaxis.set_major_formatter(_percent_axis())
    _label_axes(axes, "test accuracy", len(phases))
    caption = "After each epoch."
    if "distillation" in phases:
        caption += " In the distillation it is the student's."
    if values.min() < floor:
        caption += f" The axis starts at {percent(float(floor))}."
    return Drawing.of(figure, "accuracy", "Test accuracy by epoch", caption)


def _losses(history: History) -> Drawing | None:
    phase = history.get("distillation", {})
    curves = {
        label: (np.where(phase[column] > 0, phase[column], np.nan), color)
        for column, label, color in _LOSSES
        if column in phase
    }
    curves = {key: it for key, it in curves.items() if _finite(it[0])}
    if not curves:
        return None
    figure = Figure((WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    for label, (values, color) in curves.items():
        _line(axes, phase["epoch"], values, color=color, label=label)
    _log_axis(axes, np.concatenate([values for values, _ in curves.values()]))
    _label_axes(axes, "training loss, log scale", len(curves))
    return Drawing.of(
        figure,
        "distillation_losses",
        "Losses while distilling",
        "Alignment draws the features of student and teacher together; L2-SP "
        "holds the teacher near its start; the cross-entropy keeps the "
        "shared classifier right. Shown without their weights.",
    )


def _adaptation(history: History) -> Drawing | None:
    phase = history.get("distillation", {})
    shown = [name for name in _ADAPTATION if _finite(phase.get(name))]
    if not shown:
        return None
    figure = Figure((WIDTH, 1.7 * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, shown, strict=True):
        _line(axes, phase["epoch"], phase[name], color=VIOLET)
        _label_axes(axes, _ADAPTATION[name], 1)
        axes.label_outer()
        if name == "teacher_accuracy":
            axes.yaxis.set_major_formatter(_percent_axis())
        else:
            axes.set_ylim(0.0, 1.15 * max(1.0, np.nanmax(phase[name])))
            axes.axhline(1.0, color=QUIET, linewidth=0.9, linestyle=_DASHES[1])
    return Drawing.of(
        figure,
        "teacher_adaptation",
        "The teacher while it adapts",
        "Its accuracy on the training batches, and the mean square of its "
        "features relative to the start (dashed): under 0.5 the teacher "
        "gives in by shrinking.",
    )


def _learning_rate(history: History) -> Drawing | None:
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
        _log_axis(axes, positive)
    else:
        axes.set_ylim(bottom=0.0)
    _label_axes(axes, "learning rate", len(phases))
    return Drawing.of(
        figure, "learning_rate", "Learning rate", "At the end of each epoch."
    )


def _plot(axes: Axes, history: History, column: str, phases: list[str]) -> None:
    """Draw a column of several phases; teachers differ by their dashes."""
    teachers = 0
    for phase in phases:
        values = history[phase]
        how: dict[str, Any] = {
            "color": _color(phase),
            "label": role_label(phase),
        }
        if phase.startswith("teacher"):
            how["linestyle"] = _DASHES[teachers % len(_DASHES)]
            teachers += 1
        _line(axes, values["epoch"], values[column], **how)


def _line(
    axes: Axes, epochs: np.ndarray, values: np.ndarray, **how: Any
) -> None:
    if len(epochs) <= _FEW_EPOCHS:
        how.update(marker="o", markersize=3.5)
    axes.plot(epochs, values, **how)


def _label_axes(axes: Axes, label: str, lines: int) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if lines > 1:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=_LEGEND_COLUMNS if lines <= _LEGEND_COLUMNS else 2,
            borderaxespad=0.2,
        )


def _log_axis(axes: Axes, values: np.ndarray) -> None:
    axes.set_yscale("log", nonpositive="mask")
    decades = np.log10(np.nanmax(values) / np.nanmin(values))
    steps = (1.0,) if decades > _MANY_DECADES else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=8))
    # Plain text: matplotlib's own powers of ten need its mathematics.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _percent_axis() -> FuncFormatter:
    # The room beside a bar may reach beyond all images.
    return FuncFormatter(
        lambda share, _: f"{100 * share:.4g} %" if share <= 1.0 else ""
    )


def _color(role: str) -> str:
    if role.startswith("adapted"):
        return VIOLET
    return _COLORS.get(role, GREEN)


def _finite(values: np.ndarray | None) -> bool:
    return values is not None and bool(np.isfinite(values).any())


def _phases_with(history: History, column: str) -> list[str]:
    return [name for name in history if _finite(history[name].get(column))]


def _together(
    history: History, column: str, phases: Sequence[str]
) -> np.ndarray:
    values = np.concatenate([history[phase][column] for phase in phases])
    return values[np.isfinite(values)]
