"""Tables and paragraphs of plain text: for the terminal, and Markdown."""

import textwrap
from collections.abc import Sequence

WIDTH = 100  # characters of a line of the terminal
_SHORTEST = 10  # characters that a shortened cell keeps


def wrap(text: str) -> list[str]:
    """Lines of a paragraph for the terminal."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")


def align(
    header: Sequence[str], rows: Sequence[Sequence[str]], left: int
) -> list[str]:
    """Lines of a table; the first `left` columns to the left, the rest not.

    Where the lines would be too long, the first two columns are shortened.
    """
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    excess = sum(widths) + 2 * (len(widths) - 1) - WIDTH
    for column in range(left):
        shorter = max(_SHORTEST, widths[column] - max(0, excess))
        excess -= widths[column] - min(widths[column], shorter)
        widths[column] = min(widths[column], shorter)
    lines = []
    for row in table:
        cells = [
            _shorten(cell, width).ljust(width)
            if column < left
            else cell.rjust(width)
            for column, (cell, width) in enumerate(
                zip(row, widths, strict=True)
            )
        ]
        lines.append("  ".join(cells).rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _shorten(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 2] + ".."


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
