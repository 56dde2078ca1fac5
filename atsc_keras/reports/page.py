"""The pieces of a report's page: HTML without script, server or network."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from atsc_keras.reports.drawing import Drawing

_STYLE = Path(__file__).with_name("report.css")
_TEXT_COLUMNS = {"Model", "Method", "File", "Verdict"}


def page(name: str, parts: Sequence[str]) -> str:
    """A whole page.

    Args:
        name: title and first heading.
        parts: HTML; empty ones are left out.

    Returns:
        HTML with the style inside.
    """
    name = escape(name)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{name}</title>",
        f"<style>\n{_STYLE.read_text('utf-8')}</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{name}</h1>",
        *parts,
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def prose(text: str) -> str:
    """Escaped; a number stays on one line with its percent sign."""
    return escape(text).replace(" %", "&nbsp;%")


def table(header: Iterable[str], rows: Iterable[str]) -> str:
    """A card that scrolls sideways where it must; rows are `<tr>`."""
    cells = []
    for name in header:
        kind = ' class="text"' if name in _TEXT_COLUMNS else ""
        cells.append(f'<th scope="col"{kind}>{name}</th>')
    body = "\n".join(rows)
    return (
        '<div class="card scroll" tabindex="0"><table>\n'
        f"<thead><tr>{''.join(cells)}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def figures(drawings: list[Drawing]) -> str:
    """All figures, each with title and caption."""
    if not drawings:
        return ""
    shown = [
        f'<figure class="card"><h3>{escape(drawing.title)}</h3>\n'
        f"{drawing.svg}"
        f"<figcaption>{prose(drawing.caption)}</figcaption></figure>"
        for drawing in drawings
    ]
    listed = "\n".join(shown)
    return f'<h2>Figures</h2>\n<div class="figures">\n{listed}\n</div>'


def facts(named: dict[str, Any]) -> str:
    """Names and values."""
    items = []
    for name, fact in named.items():
        text = fact if isinstance(fact, str) else json.dumps(fact)
        items.append(f"<dt>{escape(str(name))}</dt><dd>{escape(text)}</dd>")
    return f'<dl class="facts">{"".join(items)}</dl>'
