"""From the records of a run to its figures and its `report.html`."""

from pathlib import Path
from typing import Any

from atsc_keras.records.exports import ExportReport
from atsc_keras.records.manifest import EXPORT
from atsc_keras.records.models import Adaptation, Metrics, ModelRecord, Origin
from atsc_keras.records.reading import (
    damaged_record,
    missing_record,
    read_record,
)
from atsc_keras.records.roles import Part, Role, in_order
from atsc_keras.records.run import CONFIG, Run
from atsc_keras.reports.numbers import decimal, duration, quantity
from atsc_keras.reports.page import page
from atsc_keras.reports.run import (
    best_teacher,
    caution,
    export_cells,
    export_note,
    headline,
    phase_label,
    reference_of,
    scores,
    sizes,
)
from atsc_keras.reports.run_figures import draw_figures

REPORT = "report.html"


def write_report(run: Run) -> Path:
    """Write `report.html` and `figures/` of a run from its records.

    Nothing is computed again and no framework is loaded. The same records
    give the same bytes.

    Args:
        run: open for writing, its results written; an export is shown where
            there is one.

    Returns:
        Path of `report.html`.

    Raises:
        InputError: if a record is missing or cannot be read.
        WriteError: if a file cannot be written.
    """
    metrics, origin = run.demand(Metrics), run.demand(Origin)
    movements = run.load(Adaptation)
    drawings = draw_figures(
        metrics, run.history(), movements.layers if movements else ()
    )
    exported = read_record(run.file(EXPORT), ExportReport)
    teacher, reference = best_teacher(metrics), reference_of(metrics)
    shown: list[str] = [
        Role.STUDENT,
        Role.STUDENT_SAME_SIZE,
        Role.STUDENT_ALONE,
    ]
    shown += [teacher] if teacher else []
    models = {
        stem: _cells(metrics.models[stem], reference, metrics.test_examples)
        for stem in in_order(metrics.models)
    }
    text = page(
        "run",
        {
            "name": metrics.name,
            "headline": headline(metrics),
            "caution": caution(metrics),
            "tiles": [
                (Part.of(stem), models[stem])
                for stem in shown
                if stem in models
            ],
            "gap_closed": metrics.gap_closed,
            "models": [
                (Part.of(stem), cells) for stem, cells in models.items()
            ],
            "has_reference": reference is not None and len(models) > 1,
            "is_distilled": Role.STUDENT in models,
            "has_same_size": {Role.STUDENT, Role.STUDENT_SAME_SIZE}
            <= models.keys(),
            "drawings": drawings,
            "exported": exported
            and [
                (file, export_cells(file))
                for file in exported.models[0].artifacts
            ],
            "export_note": exported and export_note(exported),
            "facts_of_run": _facts(metrics, origin),
            "config": _config_text(run),
            "environment": origin.model_dump(
                mode="json", exclude={"config", "startup"}, exclude_none=True
            ),
        },
    )
    for drawing in drawings:
        run.write_text(f"figures/{drawing.name}.svg", drawing.file_text())
    run.write_text(REPORT, text)
    return run.file(REPORT)


def renew_report(path: Path) -> Path:
    """Write the report of a finished run again, as with its export.

    Args:
        path: of the run's folder.

    Raises:
        InputError: if it holds no finished run, or cannot be written.
    """
    with Run.renew(path) as run:
        return write_report(run)


def _cells(
    model: ModelRecord, reference: ModelRecord | None, images: int
) -> dict[str, Any]:
    """Gather what the page shows of a model."""
    return {
        "network": model.network,
        "scores": [*scores(model, images), decimal(model.loss)],
        "sizes": sizes(model, reference),
    }


def _facts(metrics: Metrics, origin: Origin) -> dict[str, Any]:
    seconds, startup = metrics.seconds, metrics.startup_seconds
    phases = ", ".join(
        f"{phase_label(phase).lower()} {duration(spent)}"
        for phase, spent in seconds.items()
    )
    classes = metrics.class_names
    data = origin.config and (
        origin.config.data.name or origin.config.data.source
    )
    facts = {
        "Data": data,
        "Training images": metrics.train_examples,
        "Test images": metrics.test_examples,
        "Classes": classes and f"{len(classes)}: {', '.join(classes)}",
        "Seed": metrics.seed,
        "Backend": metrics.backend,
        "Training time": phases
        and f"{duration(sum(seconds.values()))} ({phases})",
        "First step": startup
        and f"{startup.to_first_step:.1f} s after the start, of which it took "
        f"{startup.first_step:.1f} s",
        "Peak memory": metrics.peak_memory_bytes
        and quantity(metrics.peak_memory_bytes, "B"),
    }
    return {
        name: fact for name, fact in facts.items() if fact not in (None, "", ())
    }


def _config_text(run: Run) -> str:
    path = run.file(CONFIG)
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise missing_record(run.path, CONFIG) from None
    except (OSError, UnicodeDecodeError) as error:
        raise damaged_record(path, str(error)) from error
