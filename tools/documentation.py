"""Parts of `docs/` that are made from the code, when `mkdocs` builds the pages.

A line `<!-- made: NAME -->` of a page becomes the part of that name.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import griffe
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from atsc_keras.cli.program import app
from atsc_keras.config import (
    AugmentationConfig,
    DataConfig,
    DistillationConfig,
    ExperimentConfig,
    MethodConfig,
    OptimizerConfig,
    RecipeConfig,
    ScheduleConfig,
    SimKDConfig,
    StudentConfig,
    TeacherConfig,
)
from atsc_keras.methods.registry import METHODS
from export.cli import app as export_app
from export.predict_cli import app as predict_app
from tools.results_table import RESULTS, ROOT, results_text

MADE = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)
_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md"}
# Where each section stands in a config.
SECTIONS: dict[str, type[BaseModel]] = {
    "The experiment": ExperimentConfig,
    "`data`": DataConfig,
    "`data.augmentations`": AugmentationConfig,
    "`teacher`": TeacherConfig,
    "`student`": StudentConfig,
    "`distillation`": DistillationConfig,
    "`training`": RecipeConfig,
    "`training.optimizer`": OptimizerConfig,
    "`training.schedule`": ScheduleConfig,
    "`methods.NAME`": MethodConfig,
    "`methods.simkd`": SimKDConfig,
}


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, each column to the left."""
    bare = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *bare]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def described(section: type[BaseModel]) -> dict[str, str]:
    """What the docstring of a section says of each of its keys."""
    text = griffe.Docstring(section.__doc__ or "", parser="google")
    return {
        attribute.name: " ".join(attribute.description.split())
        for part in text.parse(warnings=False)
        if part.kind is griffe.DocstringSectionKind.attributes
        for attribute in part.value
    }


def default(field: FieldInfo) -> str:
    """The default as YAML has it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""  # a section: its own defaults
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    words = {None: "null", True: "true", False: "false"}
    known = value is None or isinstance(value, bool)
    return f"`{words[value] if known else value}`"


def ranges(section: type[BaseModel], key: str) -> str:
    """The smallest and the largest number that a key takes, if it does."""
    found = []
    left = [section.model_json_schema()["properties"][key]]
    while left:
        form = left.pop(0)
        left += form.get("anyOf", [])
        left += [
            form[x] for x in ("items", "additionalProperties") if x in form
        ]
        if form.get("type") in ("integer", "number") and "const" not in form:
            found.append(_range(form))
    return ", ".join(found)


def _range(form: dict[str, Any]) -> str:
    over, under = form.get("exclusiveMinimum"), form.get("exclusiveMaximum")
    if over is None:
        low = f"{form['minimum']:g}"
    else:
        low = str(over + 1) if form["type"] == "integer" else f"over {over:g}"
    if under is None:
        return f"{low} to {form['maximum']:,.12g}"
    return f"{low} to under {under:g}"


def config_reference() -> str:
    """A table of keys for each section of a config."""
    parts = []
    for place, section in SECTIONS.items():
        meaning = described(section)
        rows = [
            [f"`{key}`", default(field), ranges(section, key), meaning[key]]
            for key, field in section.model_fields.items()
        ]
        about, _, _ = (section.__doc__ or "").partition("\n\n    Attributes")
        table = text_table(("Key", "Default", "Range", "Meaning"), rows)
        parts.append(f"## {place}\n\n{inspect.cleandoc(about)}\n\n{table}")
    return "\n\n".join(parts)


def methods_table() -> str:
    """What the registry has of each method."""
    rows = []
    for name, method in METHODS.items():
        loss = method.loss.partition(":")[2] if method.loss else ""
        fixed = method.kind == "fixed_teacher"
        rows.append(
            [
                f"`{name}`",
                method.label,
                f"[`{loss}`](api/methods.md)" if loss else "",
                f"{method.transfer_weight:g}" if loss else "",
                f"{method.logits_weight:g}" if fixed else "",
                method.reference,
            ]
        )
    columns = (
        *("Name", "Label", "Loss", "Its weight", "Weight of the tempered KL"),
        "Paper",
    )
    return text_table(columns, rows)


def commands(group: typer.Typer) -> dict[str, Any]:
    """The commands of a command line by name, with all of their words."""
    made: Any = typer.main.get_command(group)
    others = (("export", export_app), ("predict", predict_app))
    return {
        **made.commands,
        **{name: typer.main.get_command(words) for name, words in others},
    }


def command_reference(command: Any) -> str:
    """Arguments and options of a command, as its help has them."""
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        is_argument = parameter.param_type_name == "argument"
        word = parameter.name.upper() if is_argument else parameter.opts[0]
        shown = "" if parameter.default in (None, False) else parameter.default
        rows.append(
            [
                f"`{word}`{{ .whole }}",
                f"`{shown}`" if shown else "",
                parameter.help or "",
            ]
        )
    about = inspect.cleandoc(command.help or "")
    return f"{about}\n\n{text_table(('Word', 'Default', 'Meaning'), rows)}"


def read(name: str) -> str:
    """A file beside README, with links that lead to pages or nowhere."""
    text = (ROOT / name).read_text("utf-8").replace("](docs/", "](")
    for file, page in _PAGES.items():
        text = text.replace(f"]({file})", f"]({page})")
    return re.sub(
        r"\[([^]]*)\]\((?:LICENSE|configs|atsc_keras)[^)]*\)", r"\1", text
    )


MADE_BY: dict[str, Callable[[], str]] = {
    "changes": lambda: read("CHANGELOG.md"),
    "commands": lambda: "\n\n".join(
        f"### `atsc {name}`\n\n{command_reference(command)}"
        for name, command in commands(app).items()
        if name != "export"
    ),
    "config": config_reference,
    "contributing": lambda: read("CONTRIBUTING.md"),
    "export_options": lambda: command_reference(commands(app)["export"]),
    "methods": methods_table,
    "readme": lambda: read("README.md"),
    "results": lambda: results_text().replace("configs/results/", "results/"),
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Take the figures that lie beside the records."""
    for figure in RESULTS.glob("*.svg"):
        path = f"results/{figure.name}"
        files.append(File.generated(config, path, abs_src_path=str(figure)))
    return files


def on_page_content(html: str, *, page: Page, **_: Any) -> str:
    """Lead links of the notebook to pages, as mkdocs does for Markdown."""
    if page.file.src_uri.endswith(".ipynb"):
        return re.sub(r'(href="[\w/]+)\.md"', r'\1.html"', html)
    return html


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put every made part in its place."""
    return MADE.sub(lambda mark: MADE_BY[mark[1]](), markdown)
