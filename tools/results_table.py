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
from pathlib import Path
from typing import Any

import yaml

from atsc_keras.comparing.candidates import DEFAULT_METHODS
from atsc_keras.config import METHODS
from atsc_keras.records.comparisons import Comparison
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
BEGIN = "<!-- results: written by tools/results_table.py -->"
END = "<!-- end of results -->"
# Of those of a comparison, what adapting did to the teacher.
FIGURES = {
    "teacher_adaptation": "What adapting does",
    "teacher_movement": "How far the teacher moved",
}
_DIGITS = 5
_FEW = 3  # variants that stand among the methods of their record
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
    seeds of one, is kept.
    """
    record = record_of(run)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{record.name}.json"
    if path.exists():
        known = load(path)
        if _experiment(known) != _experiment(record):
            raise ValueError(f"{path} is of another experiment than {run}")
        methods = known.methods | {
            name: runs
            for name, runs in record.methods.items()
            if len(runs.seed) >= _seeds(known, name)
        }
        plain = {name: methods[name] for name in METHODS if name in methods}
        commands = dict.fromkeys(known.origin.commands + record.origin.commands)
        joined = {
            "methods": plain | methods,
            "learning_rates": {**known.learning_rates, **record.learning_rates},
            "diverged": {**known.diverged, **record.diverged},
            "origin": record.origin.model_copy(
                update={"commands": tuple(commands)}
            ),
        }
        record = record.model_copy(update=joined)
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


def _experiment(record: Comparison) -> list[Any]:
    """What must be equal for records to stand in one table."""
    teachers = [
        round(teacher.accuracy, _DIGITS)  # what is kept has no more
        for teacher in record.teachers.values()
    ]
    return [record.origin.config_digest, record.backend, *teachers]


def without_variants(record: Comparison) -> Comparison:
    """The same, of methods only."""
    plain = {
        name: runs for name, runs in record.methods.items() if "-" not in name
    }
    return record.model_copy(update={"methods": plain})


def has_few_variants(record: Comparison) -> bool:
    """Whether they stand among the methods, not in a table of variants."""
    return sum("-" in name for name in record.methods) <= _FEW


def methods_table(record: Comparison) -> str:
    """Teachers and methods of one comparison, and variants if they are few."""
    rates = record.learning_rates
    plain = without_variants(record)
    shown = record if has_few_variants(record) else plain
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
    ahead = f"{verdict(plain)} " if len(plain.methods) > 1 else ""
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


def variants_table(varied: list[Comparison]) -> str:
    """Variants of ATSC beside it, in the order of their file."""
    listed = yaml.safe_load((ROOT / VARIANTS).read_text("utf-8"))
    names = [
        name
        for name in ("simkd", "atsc", *(f"atsc-{key}" for key in listed))
        if any(name in record.methods for record in varied)
    ]
    rows = []
    for name in names:
        known = [r.methods[name] for r in varied if name in r.methods]
        row = [method_label(name), quantity(known[0].parameters[0])]
        for record in varied:
            runs = record.methods.get(name)
            if runs is None:
                row += ["", ""]
                continue
            distance = statistics.mean(
                seed.val_feature_distance[-1]
                for seed in runs.adaptation
                if seed
            )
            top1 = spread(runs.accuracy, record.test_examples)
            row += [top1 + _fewer_seeds(record, name), f"{distance:.2f}"]
        rows.append(row)
    header = ["ATSC", "Parameters"]
    for record in varied:
        header += [record.name.replace("_", " "), "distance"]
    return markdown_table(header, rows)


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
    varied = [record for record in kept if not has_few_variants(record)]
    parts = [
        f"**{record.name}**, {record.test_examples:,} test images, "
        f"{methods_table(record)}"
        for record in kept
    ]
    if varied:
        parts.append(f"**Variants of ATSC.**\n\n{variants_table(varied)}")
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
