"""A run in words and numbers: headline, rows, the table of the terminal."""

import math

from atsc_keras.records.exports import Artifact, ExportReport
from atsc_keras.records.models import Metrics, ModelRecord
from atsc_keras.records.roles import Part, Role, in_order, role_of_phase
from atsc_keras.reports.numbers import (
    difference,
    percent,
    quantity,
    ratio,
)
from atsc_keras.reports.statistics import wrong_images
from atsc_keras.reports.tables import align, wrap

_MODEL_COLUMNS = (
    *("model", "network", "accuracy", "top-5"),
    *("parameters", "multiply-adds", "file size"),
)
_SAME_SIZE = "network of the same size trained alone"
# Of the distilled student, as a sentence names them.
_OPPONENTS = {
    Role.STUDENT_ALONE: "alone",
    Role.STUDENT_SAME_SIZE: "same size alone",
}
_FALL = 0.05  # of a teacher, as the warning has it while it trains
_EXPORT_COLUMNS = (
    *("exported file", "format", "size", "max diff", "mean diff"),
    *("same top-1", "accuracy", "verdict"),
)


def best_teacher(metrics: Metrics) -> str | None:
    """Name the most accurate teacher before adapting; None without one."""
    models = metrics.models
    return max(
        _teachers(metrics), key=lambda stem: models[stem].accuracy, default=None
    )


def _teachers(metrics: Metrics) -> list[str]:
    """Name the teachers before they adapt, in order."""
    roles = {stem: Part.of(stem).role for stem in in_order(metrics.models)}
    return [stem for stem, role in roles.items() if role is Role.TEACHER]


def phase_label(phase: str) -> str:
    """Say how a training is called for a reader."""
    role = role_of_phase(phase)
    if role in (Role.STUDENT_ALONE, Role.STUDENT_SAME_SIZE):
        return role.label
    return phase.replace("_", " ").capitalize()


def headline(metrics: Metrics) -> str:
    """Say the result of a run in one or two sentences."""
    models = metrics.models
    right = {
        role: percent(model.accuracy, metrics.test_examples)
        for role, model in models.items()
    }
    if Role.STUDENT not in models:
        stem = in_order(models)[0]
        label = Part.of(stem).label.lower()
        if stem == Role.STUDENT_SAME_SIZE:
            label = _SAME_SIZE
        return f"The {label} gets {right[stem]} of the test images right."
    others = []
    if Role.STUDENT_ALONE in models:
        alone = right[Role.STUDENT_ALONE]
        others.append(f"the student trained alone {alone}")
    if Role.STUDENT_SAME_SIZE in models:
        others.append(f"the {_SAME_SIZE} {right[Role.STUDENT_SAME_SIZE]}")
    teachers = [right[stem] for stem in _teachers(metrics)]
    if teachers:
        noun = "teacher" if len(teachers) == 1 else "teachers"
        others.append(f"the {noun} {' and '.join(teachers)}")
    listed = "; " + ", ".join(others) if others else ""
    return (
        f"The distilled student gets {right[Role.STUDENT]} of the test images "
        f"right{listed}.{_gap_sentence(metrics)}{_fall_sentence(metrics)}"
    )


def _fall_sentence(metrics: Metrics) -> str:
    """Say of each teacher that lost a twentieth of the images or more."""
    sentences = []
    for stem in _teachers(metrics):
        after = metrics.models.get(Part.of(stem).adapted.stem)
        before = metrics.models[stem].accuracy
        if after is not None and before - after.accuracy >= _FALL:
            shares = (before, after.accuracy)
            was, now = (percent(x, metrics.test_examples) for x in shares)
            label = Part.of(stem).label.lower()
            sentences.append(f" The {label} fell from {was} to {now}.")
    return "".join(sentences)


def _gap_sentence(metrics: Metrics) -> str:
    gap = metrics.gap_closed
    if Role.STUDENT_ALONE not in metrics.models or not _teachers(metrics):
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


def caution(metrics: Metrics) -> str:
    """Say what one run can and cannot show: its seed, an image's weight."""
    images, models = metrics.test_examples, metrics.models
    weight = 100 / images
    digits = max(2, -math.floor(math.log10(weight)))
    parts = [
        f"One run with one seed ({metrics.seed}); another seed gives other "
        "numbers.",
        f"{images:,} test images: 1 image = {weight:.{digits}f} points.",
    ]
    for role, name in _OPPONENTS.items():
        if not {Role.STUDENT, role} <= models.keys():
            continue
        ahead = wrong_images(models[role].accuracy, images)
        ahead -= wrong_images(models[Role.STUDENT].accuracy, images)
        noun = "image" if abs(ahead) == 1 else "images"
        parts.append(
            f"Distilled and {name} differ by {abs(ahead)} {noun}."
            if ahead
            else f"Distilled and {name} get equally many right."
        )
    return " ".join(parts)


def scores(model: ModelRecord, images: int) -> list[str]:
    """Write accuracy and top-5 accuracy as text."""
    return [percent(x, images) for x in (model.accuracy, model.top5_accuracy)]


def sizes(
    model: ModelRecord, reference: ModelRecord | None
) -> list[tuple[str, str]]:
    """Write parameters, multiply-adds and file size, each with its ratio.

    Args:
        model: whose.
        reference: the (best) teacher; None without one.
    """
    found = []
    for key, unit in (
        ("parameters", ""),
        ("multiply_adds", ""),
        ("bytes", "B"),
    ):
        own, other = getattr(model, key), getattr(reference, key, None)
        found.append((quantity(own, unit), ratio(own, other)))
    return found


def reference_of(metrics: Metrics) -> ModelRecord | None:
    """Find what sizes are relative to: the best teacher, if there is one."""
    teacher = best_teacher(metrics)
    return metrics.models[teacher] if teacher else None


def export_cells(artifact: Artifact, images: int | None = None) -> list[str]:
    """Write an exported file as text, in the columns of the table.

    Args:
        artifact: the file.
        images: that its accuracy was measured on, if known.
    """
    return [
        artifact.path.replace("\\", "/").rstrip("/").rpartition("/")[2],
        f"{artifact.format} {artifact.precision}",
        quantity(artifact.bytes, "B"),
        difference(artifact.max_difference),
        difference(artifact.mean_difference),
        percent(artifact.top1_agreement, images),
        percent(artifact.accuracy, images),
        "accepted" if artifact.accepted else "rejected",
    ]


def export_note(report: ExportReport) -> str:
    """Say what the exported files were compared with, and on what."""
    counts = [f"{count} {name}" for name, count in report.images.items()]
    text = (
        "Each file was opened by its own runtime and its logits compared with "
        f"those of the Keras student on {' and '.join(counts)} images; largest "
        f"difference allowed in float32: {difference(report.tolerance)}, "
        "and a tenth of it more for each unit of the largest logit."
    )
    accuracy = report.models[0].keras.accuracy
    if accuracy is None:
        return text
    return (
        f"{text} On the real ones the Keras student gets "
        f"{percent(accuracy)} right."
    )


def summary_table(metrics: Metrics, report: ExportReport | None) -> str:
    """Lay out the plain-text table that the command line prints.

    Args:
        metrics: results of a run.
        report: of its export; None without one.

    Returns:
        Lines of at most 100 characters: a row for each model, a row for each
        exported file, and what the numbers mean.
    """
    blocks = [align(_MODEL_COLUMNS, _rows(metrics), left=2)]
    if report:
        files = report.models[0].artifacts
        cells = [export_cells(file) for file in files]
        lines = align(_EXPORT_COLUMNS, cells, left=2)
        for file, (name, *_) in zip(files, cells, strict=True):
            if not file.accepted:
                lines += wrap(f"{name}: {file.reason}")
        blocks.append(lines + wrap(export_note(report)))
    blocks.append(wrap(headline(metrics)) + wrap(caution(metrics)))
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _rows(metrics: Metrics) -> list[list[str]]:
    reference = reference_of(metrics)
    rows = []
    for stem in in_order(metrics.models):
        model = metrics.models[stem]
        rows.append(
            [
                Part.of(stem).label,
                model.network,
                *scores(model, metrics.test_examples),
                *(
                    f"{own} {share:>5}"
                    for own, share in sizes(model, reference)
                ),
            ]
        )
    return rows
