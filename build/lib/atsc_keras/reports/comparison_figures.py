"""The figures of a comparison."""

import math
import statistics
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from atsc_keras.methods.registry import find_method
from atsc_keras.records.comparisons import Comparison, SeedAdaptation
from atsc_keras.reports.adaptation_figures import (
    draw_compared_adaptation,
    draw_movements,
)
from atsc_keras.reports.drawing import (
    COLORS,
    INK,
    QUIET,
    WIDTH,
    Drawing,
    drawing_settings,
)


def method_label(name: str) -> str:
    """Say how a method, or a variant of ATSC, is called for a reader."""
    method, _, variant = name.partition("-")
    label = find_method(method).label
    words = variant.replace("_", " ")
    return f"{label}, {words}" if variant else label


def _color(name: str) -> str:
    found = None if "-" in name else find_method(name).color
    return COLORS.get(found, found) if found else QUIET


def ranked(comparison: Comparison) -> list[str]:
    """Rank the names of the methods by their mean accuracy, the best first."""
    methods = comparison.methods
    return sorted(
        methods, key=lambda name: -statistics.mean(methods[name].accuracy)
    )


def draw_comparison(comparison: Comparison) -> list[Drawing]:
    """Draw every seed of every method, and the accuracies by epoch.

    Returns:
        The figures; same input, same bytes.
    """
    noted = {
        method_label(name): seeds
        for name, runs in comparison.methods.items()
        if (seeds := [seed for seed in runs.adaptation if seed])
    }
    with drawing_settings():
        drawings = [
            _draw_seeds(comparison),
            _draw_curves(comparison),
            draw_compared_adaptation(
                {label: _curves(seeds) for label, seeds in noted.items()}
            ),
            # Layers as the first seed moved them.
            draw_movements(
                {label: seeds[0].layers for label, seeds in noted.items()}
            ),
        ]
        return [drawing for drawing in drawings if drawing is not None]


def _curves(
    seeds: Sequence[SeedAdaptation],
) -> dict[str, list[tuple[float, ...]]]:
    """Gather the curves of each seed, by column of the history."""
    columns = {
        "val_feature_distance": [seed.val_feature_distance for seed in seeds],
        "val_teacher_accuracy": [seed.val_teacher_accuracy for seed in seeds],
    }
    return {name: curves for name, curves in columns.items() if all(curves)}


def _draw_seeds(comparison: Comparison) -> Drawing:
    methods = ranked(comparison)[::-1]
    figure = Figure((WIDTH, 0.9 + 0.34 * len(methods)), layout="constrained")
    axes = figure.subplots()
    for place, name in enumerate(methods):
        color = _color(name)
        shares = comparison.methods[name].accuracy
        axes.plot(shares, [place] * len(shares), "o", color=color, ms=5)
        mean = statistics.mean(shares)
        axes.plot([mean, mean], [place - 0.3, place + 0.3], color=INK, lw=1.4)
    teacher = comparison.best_teacher
    axes.axvline(teacher, color=QUIET, linewidth=0.9, linestyle=(0, (4, 1.6)))
    axes.set_yticks(range(len(methods)), map(method_label, methods))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(False, axis="y")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.set_xlabel("test accuracy after the last epoch")
    return Drawing.of(
        figure,
        "seeds",
        "Every seed",
        "One dot for each seed, a bar at their mean; dashed: the teacher.",
    )


def _draw_curves(comparison: Comparison) -> Drawing:
    figure = Figure((WIDTH, 3.4), layout="constrained")
    axes = figure.subplots()
    lowest = []
    for name, runs in comparison.methods.items():
        shortest = min(map(len, runs.curve))
        curves = np.array([curve[:shortest] for curve in runs.curve])
        epochs = np.arange(1, shortest + 1)
        named = _color(name) != QUIET
        color = _color(name)
        axes.plot(
            epochs,
            curves.mean(axis=0),
            color=color,
            linewidth=1.8 if named else 0.8,
            alpha=1.0 if named else 0.6,
            label=method_label(name) if named else None,
            zorder=3 if named else 2,
        )
        if named:
            axes.fill_between(
                epochs,
                curves.min(axis=0),
                curves.max(axis=0),
                color=color,
                alpha=0.15,
                linewidth=0,
            )
        lowest.append(curves[:, shortest // 3 :].min())
    teacher = comparison.best_teacher
    axes.axhline(teacher, color=QUIET, linewidth=0.9, linestyle=(0, (4, 1.6)))
    # The first third of the epochs may leave the picture of the others.
    axes.set_ylim(math.floor(100 * min(lowest)) / 100, None)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("epoch")
    axes.set_ylabel("test accuracy")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")
    return Drawing.of(
        figure,
        "accuracy_by_epoch",
        "Test accuracy by epoch",
        "Mean over the seeds; bands from the lowest to the highest. Thin "
        "lines: the other methods. Dashed: the teacher.",
    )
