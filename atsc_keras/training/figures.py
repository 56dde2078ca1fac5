"""The figures of a report: SVG that follows the reader's light or dark."""

from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.ticker import LogLocator
from matplotlib.ticker import MaxNLocator
from matplotlib.ticker import NullFormatter
from matplotlib.ticker import PercentFormatter

from atsc_keras.training.drawing import BLUE
from atsc_keras.training.drawing import GREEN
from atsc_keras.training.drawing import INK
from atsc_keras.training.drawing import ORANGE
from atsc_keras.training.drawing import QUIET
from atsc_keras.training.drawing import VIOLET
from atsc_keras.training.drawing import WIDTH
from atsc_keras.training.drawing import Drawing
from atsc_keras.training.drawing import drawing_settings
from atsc_keras.training.summary import interval
from atsc_keras.training.summary import order_roles
from atsc_keras.training.summary import percent
from atsc_keras.training.summary import role_label
from atsc_keras.training.summary import wrong_images

# Columns of each phase of `history.csv`; NaN where the file is blank.
History: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]

_COLORS = {"student": BLUE, "distillation": BLUE, "student_alone": ORANGE}
_DASHES = ("solid", (0, (4, 1.6)), (0, (1, 1.4)), (0, (5, 1.4, 1, 1.4)))
_FEW_EPOCHS = 15  # up to here each epoch gets a dot
_LOG_FROM = 5.0  # largest over smallest value that asks for a log axis
# The worst tenth of the epochs may leave the picture of the others.
_CUT_QUANTILE = 0.1


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
    axes.set_xlim(0.0, 1.6 * right)  # room for the numbers
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
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
    curves = _phases_with(history, "val_accuracy")
    if not curves:
        return None
    figure = Figure((WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    _plot(axes, history, "val_accuracy", curves)
    values = np.concatenate([history[p]["val_accuracy"] for p in curves])
    values = values[np.isfinite(values)]
    low = np.quantile(values, _CUT_QUANTILE, method="lower")
    margin = 0.06 * max(values.max() - low, 0.01)
    axes.set_ylim(max(0.0, low - margin), min(1.0, values.max()) + margin)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.set_ylabel("test accuracy")
    cut = (
        f" Epochs under {percent(float(low - margin))} are not shown."
        if values.min() < low - margin
        else ""
    )
    return Drawing.of(
        figure,
        "accuracy",
        "Test accuracy by epoch",
        "Each phase counts its own epochs; in the distillation the accuracy "
        f"is the student's.{cut}"
        if "distillation" in curves
        else f"Measured after each epoch.{cut}",
    )


def _losses(history: History) -> Drawing | None:
    labels = {
        "feature_loss": ("Feature alignment", BLUE),
        "l2sp_loss": ("L2-SP", VIOLET),
        "teacher_loss": ("Teacher's cross-entropy", GREEN),
    }
    phase = history.get("distillation", {})
    shown = [name for name in labels if _positive(phase.get(name))]
    if not shown:
        return None
    figure = Figure((WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set_yscale("log")
    for name in shown:
        label, color = labels[name]
        values = np.where(phase[name] > 0, phase[name], np.nan)
        _line(axes, phase["epoch"], values, color=color, label=label)
    _finish_axes(axes, "training loss (log scale)", len(shown))
    _plain_log_ticks(axes)
    return Drawing.of(
        figure,
        "distillation_losses",
        "Losses of the distillation",
        "Feature alignment pulls student and teacher together, L2-SP is the "
        "teacher's distance from where it started, and the cross-entropy "
        "keeps the shared classifier right. Before their weights.",
    )


def _adaptation(history: History) -> Drawing | None:
    labels = {
        "teacher_accuracy": "training accuracy",
        "teacher_feature_power": "feature power",
    }
    phase = history.get("distillation", {})
    shown = [name for name in labels if _finite(phase.get(name))]
    if not shown:
        return None
    figure = Figure((WIDTH, 1.6 * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown), sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, shown, strict=True):
        _line(axes, phase["epoch"], phase[name], color=GREEN)
        axes.set_ylabel(labels[name])
        if name == "teacher_accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        else:
            axes.set_ylim(0.0, 1.1 * max(1.0, np.nanmax(phase[name])))
            axes.axhline(1.0, color=QUIET, linewidth=0.9, linestyle=(0, (3, 2)))
    _finish_axes(panels[-1], labels[shown[-1]], 1)
    return Drawing.of(
        figure,
        "teacher_adaptation",
        "The teacher while it adapts",
        "Accuracy on the augmented training batches, and the mean square of "
        "its features relative to the start (dashed). A power under 0.5 "
        "means that the teacher gives in by shrinking.",
    )


def _learning_rate(history: History) -> Drawing | None:
    phases = _phases_with(history, "learning_rate")
    if not phases:
        return None
    figure = Figure((WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    values = np.concatenate([history[p]["learning_rate"] for p in phases])
    positive = values[values > 0]
    if positive.size and positive.max() > _LOG_FROM * positive.min():
        axes.set_yscale("log")
        _plain_log_ticks(axes)
    else:
        axes.set_ylim(0.0, 1.2 * max(np.nanmax(values), 1e-12))
    _plot(axes, history, "learning_rate", phases)
    axes.set_ylabel("learning rate")
    return Drawing.of(
        figure, "learning_rate", "Learning rate", "At the end of each epoch."
    )


def _plot(axes: Axes, history: History, column: str, phases: list[str]) -> None:
    """Draw a column of several phases; teachers differ by their dashes."""
    teachers = 0
    for phase in phases:
        values = history[phase]
        how = {"color": _color(phase), "label": role_label(phase)}
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
            ncols=min(lines, 3),
            borderaxespad=0.2,
        )


def _log_axis(axes: Axes) -> None:
    axes.set_yscale("log")
    # Plain text: matplotlib's own powers of ten need its mathematics.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _color(role: str) -> str:
    if role.startswith("adapted"):
        return VIOLET
    return _COLORS.get(role, GREEN)


def _finite(values: np.ndarray | None) -> bool:
    return values is not None and bool(np.isfinite(values).any())


def _phases_with(history: History, column: str) -> list[str]:
    return [name for name in history if _finite(history[name].get(column))]
