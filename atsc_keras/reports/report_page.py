"""The page of a report: HTML that needs no script, server or network."""

from dataclasses import dataclass
from html import escape
from typing import Any

from atsc_keras.records.roles import Part, Role, in_order
from atsc_keras.reports.drawing import Drawing
from atsc_keras.reports.numbers import duration, percent, quantity
from atsc_keras.reports.page import (
    facts,
    figures,
    page,
    prose,
    table,
)
from atsc_keras.reports.summary import (
    best_teacher,
    caution,
    export_note,
    export_rows,
    exported_files,
    headline,
    model_rows,
    phase_label,
)


@dataclass(frozen=True)
class Run:
    """The records of a run, read.

    Args:
        metrics: of `metrics.json`.
        config: text of `config.yaml`.
        data: name of the data set; may be empty.
        environment: of `environment.json`.
        export_report: of `export/export_report.json`; None without one.
        drawings: the figures.
    """

    metrics: dict[str, Any]
    config: str
    data: str
    environment: dict[str, Any]
    export_report: dict[str, Any] | None
    drawings: list[Drawing]


def compose_page(run: Run) -> str:
    """Compose the whole page.

    Args:
        run: what it shows.

    Returns:
        HTML with style and figures inside.
    """
    return page(
        str(run.metrics.get("name") or "Run"),
        [
            f'<p class="headline">{prose(headline(run.metrics))}</p>',
            _tiles(run.metrics),
            f'<p class="quiet">{prose(caution(run.metrics))}</p>',
            _models(run.metrics),
            figures(run.drawings),
            _exports(run.export_report, run.metrics),
            _details(run),
        ],
    )


def _tiles(metrics: dict[str, Any]) -> str:
    images = metrics.get("test_examples")
    tiles = []
    for stem in (Role.STUDENT, Role.STUDENT_ALONE, best_teacher(metrics)):
        if stem is not None and stem in metrics["models"]:
            model, part = metrics["models"][stem], Part.of(stem)
            tiles.append(
                f'<div class="tile {part.role.color}">'
                f"<dt>{escape(part.label)}</dt>"
                f"<dd>{prose(percent(model['accuracy'], images))}</dd>"
                f"<dd>{escape(str(model.get('network') or ''))}</dd></div>"
            )
    if metrics.get("gap_closed") is not None:
        tiles.append(
            '<div class="tile"><dt>Gap closed</dt>'
            f"<dd>{metrics['gap_closed'] * 100:.0f}&nbsp;%</dd>"
            "<dd>of the way from alone to teacher</dd></div>"
        )
    return f'<dl class="tiles">{"".join(tiles)}</dl>'


def _models(metrics: dict[str, Any]) -> str:
    rows = []
    for stem, row in zip(
        in_order(metrics["models"]), model_rows(metrics), strict=True
    ):
        role = Part.of(stem).role
        label, network, *scores = (escape(cell) for cell in row)
        plain, sizes = scores[:3], scores[3:]
        cells = [f"<td>{cell}</td>" for cell in plain]
        cells += [
            f"<td>{value}<small>{share.replace('x', '×')}</small></td>"
            for value, share in zip(sizes[::2], sizes[1::2], strict=True)
        ]
        chosen = ' class="chosen"' if role is Role.STUDENT else ""
        rows.append(
            f'<tr{chosen}><th scope="row"><span class="dot {role.color}">'
            f"</span>{label}<small>{network}</small></th>"
            f"{''.join(cells)}</tr>"
        )
    header = (
        *("Model", "Test accuracy", "Top-5", "Test loss"),
        *("Parameters", "Multiply-adds", "File size"),
    )
    notes = ["Multiply-adds are those of one image."]
    if best_teacher(metrics) and len(rows) > 1:
        notes.insert(0, "The small figures are relative to the teacher.")
    if Role.STUDENT in metrics["models"]:
        notes.append(
            "The distilled student counts its projector and the classifier "
            "that it shares with the teacher: all that it needs."
        )
    return (
        "<h2>Accuracy and size</h2>\n"
        f"{table(header, rows)}\n"
        f'<p class="quiet">{" ".join(notes)}</p>'
    )


def _exports(
    export_report: dict[str, Any] | None, metrics: dict[str, Any]
) -> str:
    if not export_report or not exported_files(export_report):
        return ""
    rows = []
    for artifact, row in zip(
        exported_files(export_report),
        export_rows(export_report),
        strict=True,
    ):
        file, kind, *numbers, verdict = (escape(cell) for cell in row)
        runtime = escape(str(artifact.get("runtime") or ""))
        reason = escape(str(artifact.get("reason") or ""))
        rows.append(
            f'<tr><th scope="row">{file}<small>{kind}</small></th>'
            f'<td class="text"><span class="{verdict}">{verdict}</span>'
            f"<small>{reason or runtime}</small></td>"
            f"{''.join(f'<td>{cell}</td>' for cell in numbers)}</tr>"
        )
    header = (
        *("File", "Verdict", "Size", "Largest difference", "Mean difference"),
        *("Same top-1", "Accuracy"),
    )
    return (
        "<h2>Exported files</h2>\n"
        f"{table(header, rows)}\n"
        f'<p class="quiet">{prose(export_note(export_report))}</p>'
    )


def _details(run: Run) -> str:
    environment = {k: v for k, v in run.environment.items() if k != "startup"}
    return (
        "<h2>The run</h2>\n"
        f'<div class="card">{facts(_run_facts(run))}</div>\n'
        '<details class="card"><summary>Config</summary>'
        f"<pre>{escape(run.config)}</pre></details>\n"
        '<details class="card"><summary>Environment</summary>'
        f"{facts(environment)}</details>"
    )


def _run_facts(run: Run) -> dict[str, Any]:
    metrics = run.metrics
    classes = [str(name) for name in metrics.get("class_names") or ()]
    seconds = metrics.get("seconds") or {}
    phases = ", ".join(
        f"{phase_label(phase).lower()} {duration(spent)}"
        for phase, spent in seconds.items()
    )
    startup = metrics.get("startup_seconds") or {}
    facts = {
        "Data": run.data,
        "Training images": metrics.get("train_examples"),
        "Test images": metrics.get("test_examples"),
        "Classes": classes and f"{len(classes)}: {', '.join(classes)}",
        "Seed": metrics.get("seed"),
        "Backend": metrics.get("backend"),
        "Training time": seconds
        and f"{duration(sum(seconds.values()))} ({phases})",
        "First step": startup
        and f"{startup['to_first_step']:.1f} s after the start, of which it "
        f"took {startup['first_step']:.1f} s",
        "Peak memory": quantity(metrics.get("peak_memory_bytes"), "B"),
    }
    absent: tuple[Any, ...] = ("", None, [], {})
    return {name: fact for name, fact in facts.items() if fact not in absent}
