"""A run in words and numbers: headline, rows, the table of the terminal."""

import math
from collections.abc import Mapping
from typing import Any

from atsc_keras.records.roles import Part, Role, in_order, role_of_phase
from atsc_keras.reports.numbers import (
    NOTHING,
    decimal,
    difference,
    percent,
    quantity,
    ratio,
    wrong_images,
)
from atsc_keras.reports.tables import align, wrap

_SIZES = {"parameters": "", "multiply_adds": "", "bytes": "B"}
_MODEL_COLUMNS = (
    *("model", "network", "accuracy", "top-5"),
    *("parameters", "multiply-adds", "file size"),
)
_EXPORT_COLUMNS = (
    *("exported file", "format", "size", "max diff", "mean diff"),
    *("same top-1", "accuracy", "verdict"),
)


def best_teacher(metrics: dict[str, Any]) -> str | None:
    """Name of the most accurate teacher before adapting; None without one."""
    models = metrics["models"]
    return max(
        _teachers(models),
        key=lambda stem: models[stem]["accuracy"],
        default=None,
    )


def _teachers(models: Mapping[str, Any]) -> list[str]:
    """Names of the teachers before they adapt, in order."""
    roles = {stem: Part.of(stem).role for stem in in_order(models)}
    return [stem for stem, role in roles.items() if role is Role.TEACHER]


def phase_label(phase: str) -> str:
    """How a training is called for a reader."""
    if role_of_phase(phase) is Role.STUDENT_ALONE:
        return Role.STUDENT_ALONE.label
    return phase.replace("_", " ").capitalize()


def file_name(path: Any) -> str:
    """Last part of an artifact's path, whichever system wrote it."""
    return str(path).replace("\\", "/").rstrip("/").rpartition("/")[2]


def headline(metrics: dict[str, Any]) -> str:
    """The result of a run in one or two sentences."""
    models = metrics["models"]
    images = metrics.get("test_examples")
    right = {
        role: percent(model["accuracy"], images)
        for role, model in models.items()
    }
    if Role.STUDENT not in models:
        stem = in_order(models)[0]
        label = Part.of(stem).label.lower()
        return f"The {label} gets {right[stem]} of the test images right."
    others = []
    if Role.STUDENT_ALONE in models:
        alone = right[Role.STUDENT_ALONE]
        others.append(f"the student trained alone {alone}")
    teachers = [right[stem] for stem in _teachers(models)]
    if teachers:
        noun = "teacher" if len(teachers) == 1 else "teachers"
        others.append(f"the {noun} {' and '.join(teachers)}")
    listed = "; " + ", ".join(others) if others else ""
    return (
        f"The distilled student gets {right[Role.STUDENT]} of the test images "
        f"right{listed}.{_gap_sentence(metrics)}"
    )


def _gap_sentence(metrics: dict[str, Any]) -> str:
    models, gap = metrics["models"], metrics.get("gap_closed")
    teacher = best_teacher(metrics)
    if Role.STUDENT_ALONE not in models or teacher is None:
        return ""
    if gap is None:
        return (
            " The teacher is no better than the student alone: there is no "
            "gap to close."
        )
    if gap < 0:
        return " The distilled student is behind the one trained alone."
    if gap > 1:
        return " The distilled student is better than its teacher."
    return f" Distillation closed {100 * gap:.0f} % of the gap."


def caution(metrics: dict[str, Any]) -> str:
    """What one run can and cannot show: its seed, and what an image weighs."""
    parts = [
        f"One run with one seed ({metrics.get('seed', '?')}); another seed "
        "gives other numbers."
    ]
    images = metrics.get("test_examples")
    if not images:
        return parts[0]
    weight = 100 / images
    digits = max(2, -math.floor(math.log10(weight)))
    parts.append(
        f"{images:,} test images: 1 image = {weight:.{digits}f} points."
    )
    models = metrics["models"]
    if {Role.STUDENT, Role.STUDENT_ALONE} <= models.keys():
        ahead = wrong_images(models[Role.STUDENT_ALONE]["accuracy"], images)
        ahead -= wrong_images(models[Role.STUDENT]["accuracy"], images)
        noun = "image" if abs(ahead) == 1 else "images"
        parts.append(
            f"Distilled and alone differ by {abs(ahead)} {noun}."
            if ahead
            else "Distilled and alone get equally many right."
        )
    return " ".join(parts)


def model_rows(metrics: dict[str, Any]) -> list[list[str]]:
    """Each model of a run as text, in the columns of the table.

    Args:
        metrics: what `metrics.json` holds.

    Returns:
        Label, network, accuracy, top-5 accuracy, loss, and parameters,
        multiply-adds and file size, each with its ratio to the (best)
        teacher.
    """
    images = metrics.get("test_examples")
    teacher = best_teacher(metrics)
    reference = metrics["models"][teacher] if teacher else {}
    rows = []
    for stem in in_order(metrics["models"]):
        model = metrics["models"][stem]
        row = [Part.of(stem).label, str(model.get("network") or NOTHING)]
        row += [percent(model["accuracy"], images)]
        row += [percent(model.get("top5_accuracy"), images)]
        row += [decimal(model.get("loss"))]
        for key, unit in _SIZES.items():
            row += [quantity(model.get(key), unit)]
            row += [ratio(model.get(key), reference.get(key))]
        rows.append(row)
    return rows


def exported_files(
    export_report: dict[str, Any] | None,
) -> list[dict[str, Any]]:
    """What `export_report.json` says of each file of the student."""
    models = (export_report or {}).get("models") or [{}]
    artifacts: list[dict[str, Any]] = models[0].get("artifacts", [])
    return artifacts


def export_rows(
    export_report: dict[str, Any], images: int | None = None
) -> list[list[str]]:
    """Each exported file as text, in the columns of the table.

    Args:
        export_report: what `export_report.json` holds.
        images: that its accuracies were measured on, if known.

    Returns:
        File, format and precision, size, largest and mean difference, share
        of equal top-1, accuracy, and "accepted" or "rejected".
    """
    return [
        [
            file_name(artifact.get("path") or NOTHING),
            f"{artifact.get('format')} {artifact.get('precision')}",
            quantity(artifact.get("bytes"), "B"),
            difference(artifact.get("max_difference")),
            difference(artifact.get("mean_difference")),
            percent(artifact.get("top1_agreement"), images),
            percent(artifact.get("accuracy"), images),
            "accepted" if artifact.get("accepted") else "rejected",
        ]
        for artifact in exported_files(export_report)
    ]


def export_note(export_report: dict[str, Any]) -> str:
    """What the exported files were compared with, and on what."""
    images = export_report.get("images") or {}
    counts = [f"{count} {name}" for name, count in images.items()]
    on = f" on {' and '.join(counts)} images" if counts else ""
    text = (
        "Each file was opened by its own runtime and its logits compared with "
        f"those of the Keras student{on}; largest difference allowed in "
        f"float32: {difference(export_report.get('tolerance'))}."
    )
    accuracy = export_report["models"][0]["keras"]["accuracy"]
    if accuracy is None:
        return text
    return (
        f"{text} On the real ones the Keras student gets "
        f"{percent(accuracy)} right."
    )


def summary_table(
    metrics: dict[str, Any], export_report: dict[str, Any] | None
) -> str:
    """The plain-text table that the command line prints.

    Args:
        metrics: what `metrics.json` holds.
        export_report: what `export_report.json` holds, or None.

    Returns:
        Lines of at most 100 characters: a row for each model, a row for each
        exported file, and what the numbers mean.
    """
    rows = [_join_ratios(row) for row in model_rows(metrics)]
    blocks = [align(_MODEL_COLUMNS, rows, left=2)]
    if export_report and exported_files(export_report):
        lines = align(_EXPORT_COLUMNS, export_rows(export_report), left=2)
        for artifact in exported_files(export_report):
            if not artifact.get("accepted"):
                name = file_name(artifact.get("path") or NOTHING)
                lines += wrap(f"{name}: {artifact.get('reason')}")
        blocks.append(lines + wrap(export_note(export_report)))
    blocks.append(wrap(headline(metrics)) + wrap(caution(metrics)))
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _join_ratios(row: list[str]) -> list[str]:
    """A row of `model_rows` for the terminal: no loss, `34.4 k 0.20x`."""
    pairs = zip(row[5::2], row[6::2], strict=True)
    return row[:4] + [f"{value} {share:>5}" for value, share in pairs]
