"""The report of an export as a table, for the terminal and as Markdown."""

from collections.abc import Iterator
from typing import Any

_COLUMNS = (
    *("file", "size", "max diff", "mean diff", "same top-1", "accuracy"),
    *("ms, batch 1", "ms, batch 32", "verdict"),
)
_NOTHING = "-"
_KIND = ("format", "precision", "pixels")
ALONE = "student_alone"  # stem of that file in a run folder


def text_report(report: dict[str, Any]) -> str:
    """Aligned columns for each model, and why files were rejected."""
    blocks = []
    for model in report["models"]:
        rows = [_COLUMNS, *_rows(model)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(
                    zip(row, widths, strict=True)
                )
            )
            for row in rows
        ]
        blocks.append("\n".join([_heading(model), *lines, *_reasons(model)]))
    return "\n\n".join([*blocks, *_added(report), note(report)])


def markdown_report(report: dict[str, Any]) -> str:
    """The same as Markdown."""
    blocks = []
    for model in report["models"]:
        rule = ("---", *["---:"] * (len(_COLUMNS) - 1))
        rows = [_COLUMNS, rule, *_rows(model)]
        lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        blocks += [f"**{_heading(model)}**", lines, *_reasons(model)]
    return "\n\n".join([*blocks, *_added(report), note(report)]) + "\n"


def _added(report: dict[str, Any]) -> list[str]:
    """What distillation added to the student trained alone.

    That is the projector, and a classifier of the teacher's width.
    """
    first, *others = report["models"]
    alone = [model for model in others if model["name"] == ALONE]
    if not alone:
        return []
    parts = []
    for mine in first["artifacts"]:
        same = [
            other
            for other in alone[0]["artifacts"]
            if all(mine[key] == other[key] for key in _KIND)
        ]
        if mine["precision"] != "float32" or not same:
            continue
        text = f"{_size(mine['bytes'] - same[0]['bytes'])} of {mine['path']}"
        if mine["latency"] and same[0]["latency"]:
            times = [x["latency"]["1"]["min_ms"] for x in (mine, same[0])]
            text += f" ({times[0] - times[1]:.2g} of {times[0]:.2g} ms)"
        parts.append(text)
    return [f"Projector and shared classifier: {', '.join(parts)}."]


def note(report: dict[str, Any]) -> str:
    """What the columns were measured on."""
    images = " and ".join(
        f"{count} {name}" for name, count in report["images"].items()
    )
    threads = report["threads"]
    return (
        f"Compared with Keras on {images} images. Milliseconds of a batch: "
        f"smallest (median), warm, {threads} "
        f"thread{'' if threads == 1 else 's'} of a CPU."
    )


def _heading(model: dict[str, Any]) -> str:
    parameters, products = model["parameters"], model["multiply_adds"]
    return (
        f"{model['name']}: {_short(parameters)} parameters, "
        f"{_short(products)} multiply-adds"
    )


def _rows(model: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    own = model["keras"]
    yield (
        model["file"],
        _size(own["bytes"]),
        *(_NOTHING,) * 3,
        _percent(own["accuracy"]),
        *_milliseconds(own["latency"]),
        _NOTHING,
    )
    for artifact in model["artifacts"]:
        yield (
            artifact["path"],
            _size(artifact["bytes"]),
            _difference(artifact["max_difference"]),
            _difference(artifact["mean_difference"]),
            _percent(artifact["top1_agreement"]),
            _percent(artifact["accuracy"]),
            *_milliseconds(artifact["latency"]),
            "accepted" if artifact["accepted"] else "rejected",
        )


def _reasons(model: dict[str, Any]) -> list[str]:
    return [
        f"{artifact['path']}: {artifact['reason']}"
        for artifact in model["artifacts"]
        if not artifact["accepted"]
    ]


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _short(count: int | None) -> str:
    if count is None:
        return _NOTHING
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.2f} {name}"
    return str(count)


def _difference(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1e}"


def _percent(value: float | None) -> str:
    return _NOTHING if value is None else f"{100 * value:.1f} %"


def _milliseconds(latency: dict[str, Any] | None) -> Iterator[str]:
    for size in ("1", "32"):
        if latency is None:
            yield _NOTHING
        else:
            timed = latency[size]
            yield f"{timed['min_ms']:.3g} ({timed['median_ms']:.3g})"
