"""README's tables of results, from the records in `configs/results`.

    python -m tests.results_table                     # writes tables, figures
    python -m tests.results_table --add RUN [RUN ...] # first keeps the records

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

from atsc_keras.config import METHODS
from atsc_keras.reports.comparison import (
    comparison_rows,
    spread,
    teacher_rows,
    verdict,
)
from atsc_keras.reports.comparison_figures import draw_comparison, method_label
from atsc_keras.reports.numbers import (
    duration,
    markdown_table,
    quantity,
)

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "configs" / "results"
README = ROOT / "README.md"
VARIANTS = "configs/variants/atsc.yaml"
BEGIN = "<!-- results: written by tests/results_table.py -->"
END = "<!-- end of results -->"
# Of those of a comparison, what adapting did to the teacher.
FIGURES = {
    "teacher_adaptation": "What adapting does",
    "teacher_movement": "How far the teacher moved",
}
_DIGITS = 5
_FEW = 3  # variants that stand among the methods of their record
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


def record_of(run: Path) -> dict[str, Any]:
    """What is kept of a comparison."""
    summary: dict[str, Any] = json.loads((run / "comparison.json").read_text())
    for runs in summary["methods"].values():
        for later in runs["adaptation"][1:]:
            if later:
                del later["layers"]
    kept: dict[str, Any] = rounded(summary)
    return kept


def write_record(run: Path) -> Path:
    """Keep the record of a comparison, by the name of its config.

    What an earlier one of the same config and teacher has more, methods or
    seeds of one, is kept.
    """
    record = record_of(run)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{record['name']}.json"
    if path.exists():
        known = json.loads(path.read_text())
        if _origin(known) != _origin(record):
            raise ValueError(f"{path} is of another experiment than {run}")
        for key in ("learning_rates", "diverged"):
            record[key] = {**known[key], **record[key]}
        methods = known["methods"] | {
            name: runs
            for name, runs in record["methods"].items()
            if len(runs["seed"]) >= _seeds(known, name)
        }
        plain = {name: methods[name] for name in METHODS if name in methods}
        record["methods"] = plain | methods
    path.write_text(json.dumps(record, separators=(",", ":")) + "\n")
    return path


def _seeds(record: dict[str, Any], method: str) -> int:
    return len(record["methods"].get(method, {"seed": []})["seed"])


def _fewer_seeds(record: dict[str, Any], method: str) -> str:
    """In brackets how many a method has, where others have more."""
    seeds = _seeds(record, method)
    most = max(_seeds(record, name) for name in record["methods"])
    return f" ({seeds})" if 0 < seeds < most else ""


def _origin(record: dict[str, Any]) -> list[Any]:
    """What must be equal for records to stand in one table."""
    teachers = [t["accuracy"] for t in record["teachers"].values()]
    return [record["config_digest"], record["backend"], *teachers]


def command_of(summary: dict[str, Any], *, variants: bool = False) -> str:
    """The command that makes a record again: its methods, or its variants."""
    methods = list(without_variants(summary)["methods"])
    seeds = next(iter(summary["methods"].values()))["seed"]
    words = ["python", "-m", "atsc_keras", "compare"]
    words += [f"configs/{summary['name']}.yaml"]
    if variants:
        words += ["--methods", "simkd,atsc", "--variants", VARIANTS]
    else:
        every = set(methods) == set(METHODS)
        words += ["--methods", "all" if every else ",".join(methods)]
        for choice in list(summary["learning_rates"].values())[:1]:
            rates = ",".join(f"{rate:g}" for rate in choice["rates"])
            words += ["--learning-rates", rates]
        if len(methods) < len(summary["methods"]) and has_few_variants(summary):
            words += ["--variants", VARIANTS]
    words += ["--seeds", ",".join(map(str, seeds))]
    return shlex.join(words)


def without_variants(summary: dict[str, Any]) -> dict[str, Any]:
    """The same, of methods only."""
    methods = summary["methods"]
    plain = {name: runs for name, runs in methods.items() if "-" not in name}
    return {**summary, "methods": plain}


def has_few_variants(summary: dict[str, Any]) -> bool:
    """Whether they stand among the methods, not in a table of variants."""
    return sum("-" in name for name in summary["methods"]) <= _FEW


def methods_table(summary: dict[str, Any]) -> str:
    """Teachers and methods of one comparison, and variants if they are few."""
    rates = summary["learning_rates"]
    plain = without_variants(summary)
    shown = summary if has_few_variants(summary) else plain
    rows = []
    for name, row in zip(
        [*[""] * len(summary["teachers"]), *shown["methods"]],
        [*teacher_rows(shown), *comparison_rows(shown)],
        strict=True,
    ):
        method, top1, _, best, gap, *sizes = row
        rate = f"{rates[name]['chosen']:g}" if name in rates else ""
        top1 += _fewer_seeds(summary, name)
        rows.append([method, top1, best, gap, rate, *sizes])
    environment = summary["environment"]
    versions = ", ".join(
        f"{name} {environment[name]}" for name in ("keras", summary["backend"])
    )
    images = "".join(
        f"\n\n![{title}]({_figure(summary, name).relative_to(ROOT)})"
        for name, title in _figures_of(summary).items()
    )
    ahead = f"{verdict(plain)} " if len(plain["methods"]) > 1 else ""
    return (
        f"`{command_of(summary)}` ({versions}; config "
        f"{summary['config_digest']}):\n\n"
        f"{markdown_table(_COLUMNS, rows)}\n\n{ahead}All seeds took "
        f"{duration(_seconds(shown))} on one thread.{images}"
    )


def _figures_of(summary: dict[str, Any]) -> dict[str, str]:
    """Those that README shows: once a pair, where rates were chosen."""
    return FIGURES if summary["learning_rates"] else {}


def _seconds(summary: dict[str, Any]) -> float:
    """Of all epochs, the choice of learning rates not counted."""
    total: float = sum(
        seconds * len(curve)
        for runs in summary["methods"].values()
        for seconds, curve in zip(
            runs["seconds_per_epoch"], runs["curve"], strict=True
        )
    )
    return total


def _figure(summary: dict[str, Any], name: str) -> Path:
    return RESULTS / f"{summary['name']}_{name}.svg"


def variants_table(summaries: list[dict[str, Any]]) -> str:
    """Variants of ATSC beside it, in the order of their file."""
    listed = yaml.safe_load((ROOT / VARIANTS).read_text("utf-8"))
    names = [
        name
        for name in ("simkd", "atsc", *(f"atsc-{key}" for key in listed))
        if any(name in summary["methods"] for summary in summaries)
    ]
    rows = []
    for name in names:
        known = [s["methods"][name] for s in summaries if name in s["methods"]]
        row = [method_label(name), quantity(known[0]["parameters"][0])]
        for summary in summaries:
            runs = summary["methods"].get(name)
            if runs is None:
                row += ["", ""]
                continue
            noted = [seed for seed in runs["adaptation"] if seed]
            distance = statistics.mean(
                seed["val_feature_distance"][-1] for seed in noted
            )
            top1 = spread(runs["accuracy"], summary["test_examples"])
            row += [top1 + _fewer_seeds(summary, name), f"{distance:.2f}"]
        rows.append(row)
    header = ["ATSC", "Parameters"]
    for summary in summaries:
        header += [summary["name"].replace("_", " "), "distance"]
    return markdown_table(header, rows)


def results_text() -> str:
    """All that README says between the two marks."""
    records = [
        json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))
    ]
    varied = [record for record in records if not has_few_variants(record)]
    parts = [
        f"**{record['name']}**, {record['test_examples']:,} test images. "
        f"{methods_table(record)}"
        for record in records
    ]
    if varied:
        commands = "\n".join(
            command_of(record, variants=True) for record in varied
        )
        parts.append(
            f"**Variants of ATSC.**\n\n```sh\n{commands}\n```\n\n"
            f"{variants_table(varied)}"
        )
    return "\n\n".join(parts)


def with_results(readme: str) -> str:
    """README with its tables as the records have them."""
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    text = f"{BEGIN}\n\n{results_text()}\n\n{END}"
    return re.sub(pattern, lambda _: text, readme, flags=re.DOTALL)


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--add"]:
        for run in words[1:]:
            print(write_record(Path(run)))
    for path in RESULTS.glob("*.json"):
        summary = json.loads(path.read_text())
        for drawing in draw_comparison(without_variants(summary)):
            if drawing.name in _figures_of(summary):
                file = _figure(summary, drawing.name)
                file.write_text(drawing.file_text())
    README.write_text(with_results(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
