"""Tables and paragraphs of plain text: for the terminal, and Markdown."""

import io
import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 100  # characters of a line of the terminal
_RULED = box.Box("\n".join([*["    "] * 2, " -- ", *["    "] * 5]), ascii=True)


def wrap(text: str) -> list[str]:
    """Break a paragraph into lines for the terminal."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")


def align(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int,
    shortest: int = 10,
) -> list[str]:
    """Set a table in lines; the first `left` columns to the left, others not.

    Where the lines would be longer than 100 characters, the left columns are
    broken, to `shortest` characters at the most.
    """
    cells = zip(header, *rows, strict=True)
    widths = [max(map(len, column)) for column in cells]
    least = [min(shortest, width) for width in widths[:left]] + widths[left:]
    table = Table(
        box=_RULED, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for place, name in enumerate(header):
        if place < left:
            table.add_column(name, min_width=least[place], overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))  # a name may look like markup
    text, width = io.StringIO(), max(WIDTH, sum(least) + 2 * len(least) - 2)
    Console(file=text, width=width, color_system=None).print(table)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
