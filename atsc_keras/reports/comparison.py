"""A comparison as tables, curves and a page."""

import csv
import io
import math
import statistics
from html import escape
from typing import Any

from atsc_keras.records.run import RunFolder
from atsc_keras.reports.comparison_figures import (
    draw_comparison,
    method_label,
    ranked,
)
from atsc_keras.reports.drawing import Drawing
from atsc_keras.reports.numbers import (
    NOTHING,
    percent,
    quantity,
    ratio,
)
from atsc_keras.reports.page import figures, page, prose, table
from atsc_keras.reports.tables import align, markdown_table, wrap

# Of what `comparison.json` holds of a run; not in the CSV.
_NOT_SCALARS = ("curve", "adaptation")
_COLUMNS = (
    *("Method", "Top-1", "Top-5", "Best epoch", "Gap closed"),
    *("Parameters", "Multiply-adds", "Time an epoch"),
)


def spread(shares: list[float], images: int) -> str:
    """`97.2 ± 0.3 %`: mean and standard deviation (n - 1) over seeds."""
    mean = percent(statistics.mean(shares), images)
    if len(shares) < 2:
        return mean
    number = mean.removesuffix(" %")
    decimals = len(number.partition(".")[2])
    deviation = 100 * statistics.stdev(shares)
    return f"{number} ± {deviation:.{decimals}f} %"


def gap_closed(summary: dict[str, Any], method: str) -> float | None:
    """Share of the way from the student alone to the best teacher.

    Args:
        summary: what `comparison.json` holds.
        method: whose mean counts.

    Returns:
        0 for the student alone, 1 for the teacher; None without the student
        alone, or where the teacher is no better.
    """
    alone = summary["methods"].get("student")
    if alone is None:
        return None
    base = statistics.mean(alone["accuracy"])
    teacher = max(t["accuracy"] for t in summary["teachers"].values())
    if teacher <= base:
        return None
    own = statistics.mean(summary["methods"][method]["accuracy"])
    return (own - base) / (teacher - base)


def verdict(summary: dict[str, Any]) -> str:
    """Which method is ahead, and whether these seeds can tell.

    The difference to the next method is taken seed by seed, where both have
    the same student to begin with. Under two standard errors it is called
    too small.

    Args:
        summary: what `comparison.json` holds.
    """
    shares = {
        name: dict(zip(runs["seed"], runs["accuracy"], strict=True))
        for name, runs in summary["methods"].items()
    }
    best, *others = ranked(summary)
    text = (
        f"{method_label(best)} is ahead with "
        f"{spread(list(shares[best].values()), summary['test_examples'])}."
    )
    if not others:
        return text
    behind = others[0]
    differences = [
        shares[best][seed] - shares[behind][seed]
        for seed in shares[best].keys() & shares[behind].keys()
    ]
    if len(differences) < 2:
        return f"{text} One seed cannot tell it from {method_label(behind)}."
    mean = statistics.mean(differences)
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    judged = "more" if mean > 2 * error else "not more"
    return (
        f"{text} {method_label(behind)} is {100 * mean:.2f} points behind "
        f"(standard error {100 * error:.2f}, {len(differences)} seeds), "
        f"{judged} than chance makes likely."
    )


def comparison_rows(summary: dict[str, Any]) -> list[list[str]]:
    """Each method as text, in the columns of the table.

    Args:
        summary: what `comparison.json` holds.

    Returns:
        Method, top-1 and top-5 accuracy after the last epoch and top-1 of
        each seed's best, gap closed, parameters, multiply-adds, and the
        median time of an epoch relative to the student alone.
    """
    images = summary["test_examples"]
    methods = summary["methods"]
    seconds = {
        name: statistics.median(runs["seconds_per_epoch"])
        for name, runs in methods.items()
    }
    rows = []
    for name, runs in methods.items():
        gap = gap_closed(summary, name)
        time = ratio(seconds[name], seconds.get("student"))
        rows.append(
            [
                method_label(name),
                *(
                    spread(runs[key], images)
                    for key in ("accuracy", "top5_accuracy", "best_accuracy")
                ),
                NOTHING if gap is None else f"{100 * gap:.0f} %",
                quantity(runs["parameters"][0]),
                quantity(runs["multiply_adds"][0]),
                time or f"{seconds[name]:.1f} s",
            ]
        )
    return rows


def teacher_rows(summary: dict[str, Any]) -> list[list[str]]:
    """Each teacher as text, in the same columns."""
    images = summary["test_examples"]
    return [
        [
            f"{name.replace('_', ' ').capitalize()} ({model['network']})",
            percent(model["accuracy"], images),
            percent(model["top5_accuracy"], images),
            "",
            "",
            quantity(model["parameters"]),
            quantity(model["multiply_adds"]),
            "",
        ]
        for name, model in summary["teachers"].items()
    ]


def _note(summary: dict[str, Any]) -> str:
    counts = {len(runs["seed"]) for runs in summary["methods"].values()}
    seeds = " or ".join(map(str, sorted(counts)))
    return (
        f"Test accuracy of {summary['student']} after the last epoch on "
        f"{summary['test_examples']:,} images, mean and standard deviation "
        f"over {seeds} seed{'s' if counts != {1} else ''}; best epoch: chosen "
        "on the test images, for each seed. Gap closed: from the student "
        "alone to the teacher. Time of an epoch: median, relative to the "
        "student alone, on the machine and backend of this run "
        f"({summary['backend']}). Multiply-adds are those of one image in "
        f"use.{_rates(summary)}{_diverged(summary)}"
    )


def _rates(summary: dict[str, Any]) -> str:
    """Learning rates that were chosen, not given."""
    chosen = [
        f"{method_label(name)} {choice['chosen']:g}"
        for name, choice in summary["learning_rates"].items()
    ]
    if not chosen:
        return ""
    rates = next(iter(summary["learning_rates"].values()))["rates"]
    return (
        f" Learning rates, of {', '.join(f'{rate:g}' for rate in rates)} the "
        "best on a tenth of the training images, then held out: "
        f"{', '.join(chosen)}."
    )


def _diverged(summary: dict[str, Any]) -> str:
    lost = [
        f"{method_label(method)} (seed {', '.join(map(str, seeds))})"
        for method, seeds in summary["diverged"].items()
    ]
    return f" Diverged, and not counted: {'; '.join(lost)}." if lost else ""


def comparison_table(summary: dict[str, Any]) -> str:
    """The plain-text table that the command line prints."""
    rows = [*teacher_rows(summary), *comparison_rows(summary)]
    header = [name.lower() for name in _COLUMNS]
    blocks = [
        align(header, rows, left=1),
        wrap(verdict(summary)) + wrap(_note(summary)),
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def write_comparison(folder: RunFolder, summary: dict[str, Any]) -> None:
    """Write a comparison's JSON, CSV, Markdown, figures and page.

    Args:
        folder: of the comparison.
        summary: what `comparison.json` will hold.
    """
    folder.write_json("comparison.json", summary)
    folder.write_text("comparison.csv", _csv(summary))
    folder.write_text("comparison.md", _markdown(summary))
    drawings = draw_comparison(summary)
    for drawing in drawings:
        folder.file("figures").mkdir(exist_ok=True)
        folder.write_text(f"figures/{drawing.name}.svg", drawing.file_text())
    folder.write_text("report.html", _page(summary, drawings))


def _csv(summary: dict[str, Any]) -> str:
    """One line for each method and seed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    keys: list[str] = []
    for name, runs in summary["methods"].items():
        if not keys:
            keys = [key for key in runs if key not in _NOT_SCALARS]
            writer.writerow(["method", *keys])
        for values in zip(*(runs[key] for key in keys), strict=True):
            writer.writerow([name, *values])
    return text.getvalue()


def _markdown(summary: dict[str, Any]) -> str:
    rows = [*teacher_rows(summary), *comparison_rows(summary)]
    body = markdown_table(_COLUMNS, rows)
    text = f"{verdict(summary)} {_note(summary)}"
    return f"# {summary['name']}\n\n{body}\n\n{text}\n"


def _page(summary: dict[str, Any], drawings: list[Drawing]) -> str:
    best = ranked(summary)[0]
    rows = []
    for cells in [*teacher_rows(summary), *comparison_rows(summary)]:
        first, *rest = (escape(cell) for cell in cells)
        chosen = ' class="chosen"' if first == method_label(best) else ""
        rows.append(
            f'<tr{chosen}><th scope="row">{first}</th>'
            f"{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
        )
    return page(
        summary["name"],
        [
            f'<p class="headline">{prose(verdict(summary))}</p>',
            "<h2>Methods</h2>",
            table(_COLUMNS, rows),
            f'<p class="quiet">{prose(_note(summary))}</p>',
            figures(drawings),
        ],
    )
