"""The report of an export as a table, for the terminal and as Markdown."""

from collections.abc import Iterator

from atsc_keras.records.exports import ExportedModel, ExportReport, Latency
from atsc_keras.records.roles import Role
from atsc_keras.reports.numbers import NOTHING, difference, percent, quantity
from atsc_keras.reports.tables import WIDTH, align, markdown_table, wrap

_COLUMNS = (
    *("file", "size", "max diff", "mean diff", "same top-1", "accuracy"),
    *("ms, batch 1", "ms, batch 32", "verdict"),
)


def text_report(report: ExportReport) -> str:
    """Aligned columns for each model, why files were rejected, and notes."""
    blocks = []
    for model in report.models:
        rows = [*_rows(model)]
        lines = [
            _heading(model),
            *align(_COLUMNS, rows, left=1, shortest=WIDTH),
        ]
        for reason in _remarks(model):
            lines += wrap(reason)
        blocks.append("\n".join(lines))
    for text in (*_added(report), _note(report)):
        blocks.append("\n".join(wrap(text)))
    return "\n\n".join(blocks)


def markdown_report(report: ExportReport) -> str:
    """Write the same as Markdown."""
    blocks = []
    for model in report.models:
        table = markdown_table(_COLUMNS, [*_rows(model)])
        blocks += [f"**{_heading(model)}**", table, *_remarks(model)]
    return "\n\n".join([*blocks, *_added(report), _note(report)]) + "\n"


def _added(report: ExportReport) -> Iterator[str]:
    """Say what distillation added to the student trained alone.

    That is the projector, and a classifier of the teacher's width.
    """
    first, *others = report.models
    alone = [model for model in others if model.name == Role.STUDENT_ALONE]
    if not alone:
        return
    same = {(x.format, x.precision, x.pixels): x for x in alone[0].artifacts}
    parts = []
    for mine in first.artifacts:
        other = same.get((mine.format, mine.precision, mine.pixels))
        if mine.precision != "float32" or other is None:
            continue
        text = f"{quantity(mine.bytes - other.bytes, 'B')} of {mine.path}"
        if mine.latency and other.latency:
            whole = mine.latency["1"].min_ms
            more = whole - other.latency["1"].min_ms
            text += f" ({more:.2g} of {whole:.2g} ms)"
        parts.append(text)
    yield f"Projector and shared classifier: {', '.join(parts)}."


def _note(report: ExportReport) -> str:
    """Say what the columns were measured on."""
    images = " and ".join(
        f"{count} {name}" for name, count in report.images.items()
    )
    plural = "" if report.threads == 1 else "s"
    return (
        f"Compared with Keras on {images} images. Milliseconds of a batch: "
        f"smallest (median), warm, {report.threads} thread{plural} of a CPU."
    )


def _heading(model: ExportedModel) -> str:
    return (
        f"{model.name}: {quantity(model.parameters)} parameters, "
        f"{quantity(model.multiply_adds)} multiply-adds"
    )


def _rows(model: ExportedModel) -> Iterator[tuple[str, ...]]:
    yield (
        model.file,
        quantity(model.keras.bytes, "B"),
        *(NOTHING,) * 3,
        percent(model.keras.accuracy),
        *_milliseconds(model.keras.latency),
        NOTHING,
    )
    for artifact in model.artifacts:
        yield (
            artifact.path,
            quantity(artifact.bytes, "B"),
            difference(artifact.max_difference),
            difference(artifact.mean_difference),
            percent(artifact.top1_agreement),
            percent(artifact.accuracy),
            *_milliseconds(artifact.latency),
            "accepted" if artifact.accepted else "rejected",
        )


def _milliseconds(latency: Latency | None) -> Iterator[str]:
    for size in ("1", "32"):
        timed = latency and latency[size]
        yield (
            f"{timed.min_ms:.3g} ({timed.median_ms:.3g})" if timed else NOTHING
        )


def _remarks(model: ExportedModel) -> list[str]:
    return [
        f"{artifact.path}: {artifact.reason or artifact.note}"
        for artifact in model.artifacts
        if artifact.reason or artifact.note
    ] + ([model.note] if model.note else [])
