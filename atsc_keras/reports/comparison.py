"""A comparison as tables, curves and a page."""

import csv
import io
import statistics
from collections.abc import Iterator

from atsc_keras.config import STUDENT_ALONE, STUDENT_SAME_SIZE
from atsc_keras.methods.registry import find_method
from atsc_keras.records.comparisons import Comparison
from atsc_keras.records.roles import Part
from atsc_keras.records.run import Run
from atsc_keras.reports.comparison_figures import (
    draw_comparison,
    method_label,
    ranked,
)
from atsc_keras.reports.numbers import NOTHING, percent, quantity, ratio
from atsc_keras.reports.page import page
from atsc_keras.reports.report import REPORT
from atsc_keras.reports.statistics import gap_closed, paired, spread
from atsc_keras.reports.tables import align, markdown_table, wrap

_COLUMNS = (
    *("Method", "Top-1", "Top-5", "Best epoch", "Gap closed"),
    *("Parameters", "Multiply-adds", "Time an epoch"),
)
# Of `MethodRuns`, what the CSV has a column for.
_SCALARS = (
    *("seed", "accuracy", "top5_accuracy", "loss", "parameters"),
    *("multiply_adds", "best_accuracy", "seconds_per_epoch"),
)


def verdict(comparison: Comparison) -> str:
    """Say which method is ahead, and whether these seeds can tell.

    The difference to the next method is taken seed by seed, where both have
    the same student to begin with. Under two standard errors it is called
    too small. So is that of the best method with a shared head to the network
    that it ships, trained on labels alone.
    """
    methods = comparison.methods
    best, *others = ranked(comparison)
    text = (
        f"{method_label(best)} is ahead with "
        f"{spread(methods[best].accuracy, comparison.test_examples)}."
    )
    if not others:
        return text
    taught = _gain_of_teaching(comparison, [best, *others])
    behind = method_label(others[0])
    found = _ahead(comparison, best, others[0])
    if found is None:
        return f"{text} One seed cannot tell it from {behind}."
    mean, error, judged = found
    return (
        f"{text} {behind} is {100 * mean:.2f} points behind ({error}), "
        f"{judged}.{taught}"
    )


def _ahead(
    comparison: Comparison, one: str, other: str
) -> tuple[float, str, str] | None:
    """Measure how far one method is ahead of another, and judge it.

    Returns:
        The mean of the differences, its error in words, and whether chance
        explains it; None where they share one seed or none.
    """
    runs = (comparison.methods[name] for name in (one, other))
    found = paired(*(dict(zip(r.seed, r.accuracy, strict=True)) for r in runs))
    if found is None:
        return None
    mean, error, count = found
    judged = "more" if abs(mean) > 2 * error else "not more"
    return (
        mean,
        f"standard error {100 * error:.2f}, {count} seeds",
        f"{judged} than chance makes likely",
    )


def _gain_of_teaching(comparison: Comparison, best_first: list[str]) -> str:
    """Tell the gain of teaching from that of size, where both were trained."""
    taught = [
        name
        for name in best_first
        if "-" not in name and find_method(name).kind == "shared_head"
    ]
    if not taught or STUDENT_SAME_SIZE not in comparison.methods:
        return ""
    if [taught[0], STUDENT_SAME_SIZE] == best_first[:2]:
        return ""  # is said already
    found = _ahead(comparison, taught[0], STUDENT_SAME_SIZE)
    if found is None:
        return ""
    mean, error, judged = found
    place = "ahead of" if mean > 0 else "behind"
    return (
        f" {method_label(taught[0])} is {100 * abs(mean):.2f} points {place} "
        f"the same network on labels alone ({error}), {judged}."
    )


def method_gap(comparison: Comparison, method: str) -> float | None:
    """Measure the gap that the mean of a method closes; see `gap_closed`."""
    alone = comparison.methods.get(STUDENT_ALONE)
    if alone is None:
        return None
    return gap_closed(
        statistics.mean(comparison.methods[method].accuracy),
        statistics.mean(alone.accuracy),
        comparison.best_teacher,
    )


def comparison_rows(comparison: Comparison) -> list[list[str]]:
    """Write each method as text, in the columns of the table.

    Args:
        comparison: of one student.

    Returns:
        Method, top-1 and top-5 accuracy after the last epoch and top-1 of
        each seed's best, gap closed, parameters, multiply-adds, and the
        median time of an epoch relative to the student alone.
    """
    images = comparison.test_examples
    seconds = {
        name: statistics.median(runs.seconds_per_epoch)
        for name, runs in comparison.methods.items()
    }
    rows = []
    for name, runs in comparison.methods.items():
        gap = method_gap(comparison, name)
        time = ratio(seconds[name], seconds.get(STUDENT_ALONE))
        shares = (runs.accuracy, runs.top5_accuracy, runs.best_accuracy)
        rows.append(
            [
                method_label(name),
                *(spread(share, images) for share in shares),
                NOTHING if gap is None else f"{100 * gap:.0f} %",
                quantity(runs.parameters[0]),
                quantity(runs.multiply_adds[0]),
                time or f"{seconds[name]:.1f} s",
            ]
        )
    return rows


def teacher_rows(comparison: Comparison) -> list[list[str]]:
    """Write each teacher as text, in the same columns."""
    images = comparison.test_examples
    return [
        [
            f"{Part.of(stem).label} ({model.network})",
            percent(model.accuracy, images),
            percent(model.top5_accuracy, images),
            "",
            "",
            quantity(model.parameters),
            quantity(model.multiply_adds),
            "",
        ]
        for stem, model in comparison.teachers.items()
    ]


def _note(comparison: Comparison) -> str:
    counts = {len(runs.seed) for runs in comparison.methods.values()}
    seeds = " or ".join(map(str, sorted(counts)))
    return (
        f"Test accuracy of {comparison.student} after the last epoch on "
        f"{comparison.test_examples:,} images, mean and standard deviation "
        f"over {seeds} seed{'s' if counts != {1} else ''}; best epoch: chosen "
        "on the test images, for each seed. Gap closed: from the student "
        "alone to the teacher. Time of an epoch: median, relative to the "
        "student alone, on the machine and backend of this run "
        f"({comparison.backend}). Multiply-adds are those of one image in use."
        f"{''.join(_asides(comparison))}"
    )


def _asides(comparison: Comparison) -> Iterator[str]:
    """Tell of the same size, of rates that were chosen, and what diverged."""
    if STUDENT_SAME_SIZE in comparison.methods:
        yield (
            f" {method_label(STUDENT_SAME_SIZE)}: the network that SimKD and "
            "ATSC ship, trained on the labels like the student alone."
        )
    choices = comparison.learning_rates
    if choices:
        rates = next(iter(choices.values())).rates
        chosen = ", ".join(
            f"{method_label(name)} {choice.chosen:g}"
            if choice.chosen is not None
            else f"{method_label(name)} none, all diverged"
            for name, choice in choices.items()
        )
        yield (
            f" Learning rates, of {', '.join(f'{rate:g}' for rate in rates)} "
            "the best on a tenth of the training images, then held out: "
            f"{chosen}."
        )
    if comparison.diverged:
        lost = "; ".join(
            f"{method_label(name)} (seed {', '.join(map(str, seeds))})"
            for name, seeds in comparison.diverged.items()
        )
        yield f" Diverged, and not counted: {lost}."


def comparison_table(comparison: Comparison) -> str:
    """Lay out the plain-text table that the command line prints."""
    rows = [*teacher_rows(comparison), *comparison_rows(comparison)]
    lines = align([name.lower() for name in _COLUMNS], rows, left=1)
    words = wrap(verdict(comparison)) + wrap(_note(comparison))
    return "\n".join([*lines, "", *words])


def write_comparison(run: Run, comparison: Comparison) -> None:
    """Write a comparison's JSON, CSV, Markdown, figures and page.

    Args:
        run: of the comparison.
        comparison: its results.
    """
    run.write(comparison)
    run.write_text("comparison.csv", _csv(comparison))
    rows = [*teacher_rows(comparison), *comparison_rows(comparison)]
    words = verdict(comparison), _note(comparison)
    body = markdown_table(_COLUMNS, rows)
    run.write_text(
        "comparison.md", f"# {comparison.name}\n\n{body}\n\n{' '.join(words)}\n"
    )
    drawings = draw_comparison(comparison)
    for drawing in drawings:
        run.write_text(f"figures/{drawing.name}.svg", drawing.file_text())
    shown = {
        "name": comparison.name,
        "verdict": words[0],
        "columns": _COLUMNS,
        "rows": rows,
        "best": method_label(ranked(comparison)[0]),
        "note": words[1],
        "drawings": drawings,
    }
    run.write_text(REPORT, page("comparison", shown))


def _csv(comparison: Comparison) -> str:
    """Write one line for each method and seed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", *_SCALARS])
    for name, runs in comparison.methods.items():
        columns = (getattr(runs, key) for key in _SCALARS)
        for values in zip(*columns, strict=True):
            writer.writerow([name, *values])
    return text.getvalue()
