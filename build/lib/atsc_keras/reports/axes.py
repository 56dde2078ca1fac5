"""Lines and axes that the figures share."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

DASHES = ("solid", (0, (4, 1.6)), (0, (1, 1.4)), (0, (5, 1.4, 1, 1.4)))
_LEGEND_COLUMNS = 3  # as many as fit above the axes
_FEW_EPOCHS = 15  # up to here each epoch gets a dot
_MANY_DECADES = 2.5  # from here on only powers of ten are labelled


def plot_line(
    axes: Axes, epochs: np.ndarray, values: np.ndarray, **how: Any
) -> None:
    """Plot values by epoch, each a dot where there are few."""
    if len(epochs) <= _FEW_EPOCHS:
        how.update(marker="o", markersize=3.5)
    axes.plot(epochs, values, **how)


def label_axes(axes: Axes, label: str, lines: int) -> None:
    """Label axes over epochs; several lines get a legend above."""
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


def log_axis(axes: Axes, values: np.ndarray) -> None:
    """Make the vertical axis logarithmic, labelled for these values."""
    axes.set_yscale("log", nonpositive="mask")
    decades = np.log10(np.nanmax(values) / np.nanmin(values))
    steps = (1.0,) if decades > _MANY_DECADES else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=8))
    # Plain text: matplotlib's own powers of ten need its mathematics.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def percent_axis() -> FuncFormatter:
    """Format shares as percent."""
    # The room beside a bar may reach beyond all images.
    return FuncFormatter(
        lambda share, _: f"{100 * share:.4g} %" if share <= 1.0 else ""
    )


def is_finite(values: np.ndarray | None) -> bool:
    """Tell whether there are values, and one at least is finite."""
    return values is not None and bool(np.isfinite(values).any())
