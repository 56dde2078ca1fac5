"""Tables and paragraphs of plain text: for the terminal, and Markdown."""

import io
import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 100  # characters of a line of the terminal
_SHORTEST = 10  # characters that a shortened column keeps
_RULED = box.Box("\n".join([*["    "] * 2, " -- ", *["    "] * 5]), ascii=True)


def wrap(text: str) -> list[str]:
    """Break a paragraph into lines for the terminal."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")


def align(
    header: Sequence[str], rows: Sequence[Sequence[str]], left: int
) -> list[str]:
    """Set a table in lines; the first `left` columns to the left, others not.

    Where the lines would be too long, the left columns are broken.
    """
    table = Table(
        box=_RULED, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for place, name in enumerate(header):
        if place < left:
            table.add_column(name, min_width=_SHORTEST, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))  # a name may look like markup
    text = io.StringIO()
    Console(file=text, width=WIDTH, color_system=None).print(table)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
