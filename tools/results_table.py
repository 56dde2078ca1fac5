"""Tables of results for README and `docs/`, from `configs/results`.

    python -m tools.results_table                     # writes tables, figures
    python -m tools.results_table --add RUN [RUN ...] # first keeps the records

RUN: the folder of a finished `compare`. Of its `comparison.json` all numbers
are kept but the layers of further seeds.
"""

import json
import re
import shlex
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from atsc_keras.comparing.candidates import DEFAULT_METHODS
from atsc_keras.config import METHODS, config_digest
from atsc_keras.records.comparisons import Comparison, MethodRuns
from atsc_keras.records.reading import parse_record
from atsc_keras.records.run import Run
from atsc_keras.reports.comparison import (
    comparison_rows,
    teacher_rows,
    verdict,
)
from atsc_keras.reports.comparison_figures import draw_comparison, method_label
from atsc_keras.reports.numbers import NOTHING, duration, quantity
from atsc_keras.reports.statistics import spread
from atsc_keras.reports.tables import markdown_table

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "configs" / "results"
README = ROOT / "README.md"
VARIANTS = "configs/variants/atsc.yaml"
PROJECTORS = "configs/variants/projectors.yaml"
BEGIN = "<!-- results: written by tools/results_table.py -->"
END = "<!-- end of results -->"
# Of those of a comparison, what adapting did to the teacher.
FIGURES = {
    "teacher_adaptation": "What adapting does",
    "teacher_movement": "How far the teacher moved",
}
_DIGITS = 5
_SHORT = DEFAULT_METHODS
_COLUMNS = (
    *("Method", "Top-1", "Best epoch", "Gap closed", "Rate"),
    *("Parameters", "Multiply-adds", "Time an epoch"),
)


def rounded(value: Any) -> Any:
    """Plain data with as many digits as anyone reads."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def record_of(run: Path) -> Comparison:
    """What is kept of a comparison."""
    comparison = Run(run).demand(Comparison)
    methods = {}
    for name, runs in comparison.methods.items():
        first, *later = runs.adaptation
        bare = [
            seed and seed.model_copy(update={"layers": ()}) for seed in later
        ]
        kept = {"adaptation": (first, *bare)}
        methods[name] = runs.model_copy(update=kept)
    return comparison.model_copy(update={"methods": methods})


def save(record: Comparison, path: Path) -> None:
    """Write a record without the digits that nobody reads."""
    value = rounded(record.model_dump(mode="json"))
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


def load(path: Path) -> Comparison:
    """Read a record."""
    return parse_record(Comparison, json.loads(path.read_text("utf-8")), path)


def write_record(run: Path) -> Path:
    """Keep the record of a comparison, by the name of its config.

    What an earlier one of the same config and teacher has more, methods or
    seeds of one, is kept; where labels alone taught, whichever the teacher.
    """
    record = record_of(run)
    labels = {name for name, x in METHODS.items() if x.kind == "labels"}
    taught = not record.methods.keys() <= labels
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{record.name}.json"
    if path.exists():
        known = load(path)
        if _experiment(known, taught) != _experiment(record, taught):
            raise ValueError(f"{path} is of another experiment than {run}")
        methods = known.methods | {
            name: runs
            for name, runs in record.methods.items()
            if len(runs.seed) >= _seeds(known, name)
        }
        plain = {name: methods[name] for name in METHODS if name in methods}
        commands = dict.fromkeys(known.origin.commands + record.origin.commands)
        whole = record if taught else known
        joined = {
            "methods": plain | methods,
            "learning_rates": {**known.learning_rates, **record.learning_rates},
            "diverged": {**known.diverged, **record.diverged},
            "origin": whole.origin.model_copy(
                update={"commands": tuple(commands)}
            ),
        }
        record = whole.model_copy(update=joined)
    save(record, path)
    return path


def _seeds(record: Comparison, method: str) -> int:
    runs = record.methods.get(method)
    return len(runs.seed) if runs else 0


def _fewer_seeds(record: Comparison, method: str) -> str:
    """In brackets how many a method has, where others have more."""
    seeds = _seeds(record, method)
    most = max(_seeds(record, name) for name in record.methods)
    return f" ({seeds})" if 0 < seeds < most else ""


def _experiment(record: Comparison, taught: bool) -> list[Any]:
    """What must be equal for records to stand in one table."""
    config, numbers = record.origin.config, []
    if taught:
        # What is kept has no more digits.
        numbers = [round(x.accuracy, _DIGITS) for x in record.teachers.values()]
    elif config:
        bare = [x.model_copy(update={"weights": None}) for x in config.teachers]
        config = config.model_copy(update={"teacher": tuple(bare)})
    return [config and config_digest(config), record.backend, *numbers]


def without_variants(record: Comparison) -> Comparison:
    """The same, of methods only."""
    plain = {
        name: runs for name, runs in record.methods.items() if "-" not in name
    }
    return record.model_copy(update={"methods": plain})


def methods_table(record: Comparison) -> str:
    """Teachers and methods of one comparison."""
    rates = record.learning_rates
    shown = without_variants(record)
    rows = []
    for name, row in zip(
        [*[""] * len(record.teachers), *shown.methods],
        [*teacher_rows(shown), *comparison_rows(shown)],
        strict=True,
    ):
        method, top1, _, best, gap, *sizes = row
        chosen = rates[name].chosen if name in rates else None
        rate = "" if chosen is None else f"{chosen:g}"
        top1 += _fewer_seeds(record, name)
        rows.append([method, top1, best, gap, rate, *sizes])
    origin = record.origin
    commands = "\n".join(shlex.join(words) for words in origin.commands)
    images = "".join(
        f"\n\n![{title}]({_figure(record, name).relative_to(ROOT)})"
        for name, title in _figures_of(record).items()
    )
    ahead = f"{verdict(shown)} " if len(shown.methods) > 1 else ""
    return (
        f"keras {origin.keras}, {origin.backend} {origin.framework}; config "
        f"{origin.config_digest}:\n\n```sh\n{commands}\n```\n\n"
        f"{markdown_table(_COLUMNS, rows)}\n\n{ahead}All seeds took "
        f"{duration(_seconds(shown))} on one thread.{images}"
    )


def _figures_of(record: Comparison) -> dict[str, str]:
    """Those that are shown: once a pair, where rates were chosen."""
    return FIGURES if record.learning_rates else {}


def _seconds(record: Comparison) -> float:
    """Of all epochs, the choice of learning rates not counted."""
    return sum(
        seconds * len(curve)
        for runs in record.methods.values()
        for seconds, curve in zip(
            runs.seconds_per_epoch, runs.curve, strict=True
        )
    )


def _figure(record: Comparison, name: str) -> Path:
    return RESULTS / f"{record.name}_{name}.svg"


def variants_table(kept: list[Comparison]) -> str:
    """Variants of ATSC: accuracy, and distance to the teacher."""

    def distance(runs: MethodRuns) -> str:
        last = [x.val_feature_distance[-1] for x in runs.adaptation if x]
        return f"{statistics.mean(last):.2f}"

    return _side_by_side(kept, VARIANTS, {"distance": distance})


def projectors_table(kept: list[Comparison]) -> str:
    """Forms of the projector: accuracy, and what ships."""
    columns: dict[str, Callable[[MethodRuns], str]] = {
        "parameters": lambda runs: quantity(runs.parameters[0]),
        "multiply-adds": lambda runs: quantity(runs.multiply_adds[0]),
    }
    return _side_by_side(kept, PROJECTORS, columns)


def _side_by_side(
    kept: list[Comparison],
    variants: str,
    columns: dict[str, Callable[[MethodRuns], str]],
) -> str:
    """ATSC and its variants of a file in the records that have some."""
    rows = {x: [method_label(x)] for x in ("atsc", *listed(variants))}
    header = ["ATSC"]
    for record in kept:
        if len(record.methods.keys() & rows.keys()) < 2:
            continue
        header += [record.name.replace("_", " "), *columns]
        for name, row in rows.items():
            if runs := record.methods.get(name):
                top1 = spread(runs.accuracy, record.test_examples)
                row.append(top1 + _fewer_seeds(record, name))
                row += [write(runs) for write in columns.values()]
            else:
                row += [NOTHING] * (1 + len(columns))
    return markdown_table(header, [*rows.values()])


def listed(variants: str) -> list[str]:
    """Variants of a file, by their names in records."""
    text = (ROOT / variants).read_text("utf-8")
    return [f"atsc-{key}" for key in yaml.safe_load(text)]


def records() -> list[Comparison]:
    """All that are kept, by name."""
    return [load(path) for path in sorted(RESULTS.glob("*.json"))]


def short_table() -> str:
    """What README shows: a row for each set where rates were chosen."""
    rows = []
    for record in records():
        if not record.learning_rates:
            continue
        row = [record.name.replace("_", " ")]
        row += [teacher[1] for teacher in teacher_rows(record)]
        for method in _SHORT:
            runs = record.methods.get(method)
            images = record.test_examples
            row.append(spread(runs.accuracy, images) if runs else NOTHING)
        sizes = [teacher.parameters for teacher in record.teachers.values()]
        sizes += [
            record.methods[name].parameters[0]
            for name in ("student_alone", "atsc")
        ]
        rows.append([*row, " / ".join(map(quantity, sizes))])
    labels = [method_label(method) for method in _SHORT]
    sizes_label = "Parameters: teacher / alone / ATSC"
    return markdown_table(["Pair", "Teacher", *labels, sizes_label], rows)


def results_text() -> str:
    """All that `docs/results.md` shows of the records."""
    kept = records()
    parts = [
        f"**{record.name}**, {record.test_examples:,} test images, "
        f"{methods_table(record)}"
        for record in kept
    ]
    parts.append(f"**Variants of ATSC.**\n\n{variants_table(kept)}")
    parts.append(f"**Projectors.**\n\n{projectors_table(kept)}")
    return "\n\n".join(parts)


def with_results(readme: str) -> str:
    """README with its table as the records have it."""
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    text = f"{BEGIN}\n\n{short_table()}\n\n{END}"
    return re.sub(pattern, lambda _: text, readme, flags=re.DOTALL)


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--add"]:
        for run in words[1:]:
            print(write_record(Path(run)))
    for path in RESULTS.glob("*.json"):
        record = load(path)
        for drawing in draw_comparison(without_variants(record)):
            if drawing.name in _figures_of(record):
                file = _figure(record, drawing.name)
                file.write_text(drawing.file_text())
    README.write_text(with_results(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
