"""One figure as SVG that follows the reader's light or dark."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

INK, QUIET, GRID = "#1b1b1a", "#5c5b57", "#dfded8"
BLUE, ORANGE, GREEN, VIOLET = "#2a78d6", "#d9581f", "#148f63", "#6a52c9"
GOLD = "#9a7b00"
# Those by which the methods are told apart.
COLORS = {
    "blue": BLUE,
    "orange": ORANGE,
    "green": GREEN,
    "violet": VIOLET,
    "gold": GOLD,
}
WIDTH = 4.6  # inches: 331 units of SVG, a phone's width

# Behind a figure, light and dark: a page of either brightness may hold it.
_PAPER = ("#ffffff", "#1e1e1c")
# What each colour becomes for a reader whose system is dark.
_DARK = {
    INK: "#f2f1ec",
    QUIET: "#b5b3aa",
    GRID: "#3a3a37",
    BLUE: "#5b9ff0",
    ORANGE: "#f08a54",
    GREEN: "#3fbf8f",
    VIOLET: "#a893f0",
    GOLD: "#d9b93c",
}

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.handlelength": 1.3,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
}

_NAMESPACE = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}"


@dataclass(frozen=True)
class Drawing:
    """One figure of a report.

    Args:
        name: stem of its file.
        title: a few words.
        caption: what is shown and how to read it.
        svg: its `<svg>` element, as HTML takes it.
    """

    name: str
    title: str
    caption: str
    svg: str

    @classmethod
    def of(
        cls, figure: Figure, name: str, title: str, caption: str
    ) -> "Drawing":
        """Render a figure that was drawn under `drawing_settings`.

        Args:
            figure: in the colours of this file only.
            name: stem of its file; also keeps its ids apart from those of
                the other figures of a page.
            title: a few words.
            caption: what is shown and how to read it.

        Returns:
            The drawing; the same figure gives the same bytes.
        """
        return cls(name, title, caption, _to_svg(figure, name, title))

    def file_text(self) -> str:
        """Write the figure as a file of its own."""
        return self.svg.replace("<svg ", f'<svg xmlns="{_NAMESPACE}" ', 1)


@contextmanager
def drawing_settings() -> Iterator[None]:
    """Draw with the settings of this project, not with the reader's own."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def _to_svg(figure: Figure, name: str, title: str) -> str:
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            text, format="svg", metadata={"Date": None}, transparent=True
        )
    root = ElementTree.fromstring(text.getvalue())
    for metadata in root.findall(f"{{{_NAMESPACE}}}metadata"):
        root.remove(metadata)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_NAMESPACE}}}")
        element.attrib = {
            key.removeprefix(_XLINK): _rename(key, value, name)
            for key, value in element.attrib.items()
        }
        if element.tag == "style":
            element.text = _style()
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib.update({"role": "img", "aria-label": title})
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _rename(key: str, value: str, name: str) -> str:
    """Give ids and what refers to them the name of the figure."""
    if key == "id":
        return f"{name}-{value}"
    if key == f"{_XLINK}href":
        return value.replace("#", f"#{name}-", 1)
    return value.replace("url(#", f"url(#{name}-")


def _style() -> str:
    # The colours stay in the elements too, for programs without media queries.
    rules = [
        f'[style*="{what}: {light}"]{{{what}:{dark}!important}}'
        for light, dark in _DARK.items()
        for what in ("fill", "stroke")
    ]
    light_paper, dark_paper = _PAPER
    rules.append(f"svg{{background:{dark_paper}}}")
    return (
        f"svg{{background:{light_paper}}}"
        "path,use{stroke-linejoin:round;stroke-linecap:butt}"
        "text{font-family:system-ui,sans-serif!important}"
        f"@media(prefers-color-scheme:dark){{{''.join(rules)}}}"
    )
