"""README and `docs/` say what is true of the code, and what they show runs."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest
import typer
import yaml
from PIL import Image
from typer.testing import CliRunner

import atsc_keras
import export
from atsc_keras.cli.program import app
from atsc_keras.config import AugmentationConfig, load_config
from atsc_keras.config.shipped import find_config
from tools import documentation

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = {
    path.relative_to(ROOT): path.read_text("utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
_PARTS = ("teacher", "student", "distillation")
_LESS = [
    "teacher.network=resnet8x0.125",
    *(f"{part}.training.epochs=1" for part in _PARTS),
]
SHORTER = {
    **dict.fromkeys(("distill", "train", "compare"), _LESS),
    "benchmark": ["--steps", "2", "--no-memory"],
    "export": ["--no-compare", "--formats", "onnx"],
}


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands() -> Iterator[list[str]]:
    """All that pages show of `atsc`, in blocks and in text."""
    for text in PAGES.values():
        lines = [line for b in blocks("sh", text) for line in b.splitlines()]
        lines += re.findall(r"`(atsc \w+ (?!-)[^`]+)`", text)
        for line in lines:
            if line.startswith("atsc ") and not line.endswith("..."):
                yield shlex.split(line, comments=True)[1:]


def test_readme_is_short_and_begins_with_the_two_commands() -> None:
    assert len(README.splitlines()) <= 200
    (first, *_) = blocks("sh", README)
    words = [line.partition("#")[0].strip() for line in first.splitlines()]
    assert words == ["make demo", "make test"]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", PAGES[page])
    folder = (ROOT / page).parent
    assert not [link for link in links if not (folder / link).exists()]


def test_shown_commands_are_taken() -> None:
    known = documentation.commands(app)
    seen = set()
    for name, *words in commands():
        with known[name].make_context(name, list(words)) as context:
            seen.add(name)
            config = context.params.get("config")
            own = ("CONFIG", "my.yaml", "photos.yaml")
            if config and config.name not in own and "runs" not in config.parts:
                assert find_config(config).exists(), config
    assert seen == known.keys()


@pytest.mark.filterwarnings("ignore")
def test_commands_of_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = re.findall(r"^\| `(atsc [^`]+)`", README, re.MULTILINE)
    assert len(shown) == 9
    Image.new("L", (8, 8)).save("picture.png")
    for line in shown:
        name, *words = shlex.split(line)[1:]
        words += SHORTER.get(name, [])
        if name in ("export", "predict"):  # of the exporter
            command = [sys.executable, "-m", "atsc_keras", name, *words]
            bare = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
            bare["PYTHONPATH"] = str(ROOT)
            subprocess.run(command, check=True, capture_output=True, env=bare)
            continue
        done = CliRunner().invoke(app, [name, *words], catch_exceptions=False)
        assert done.exit_code == 0, (line, done.output[-2000:])


@pytest.mark.filterwarnings("ignore")
def test_example_of_readme_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python", README)
    assert len(code.split("# ---")[1].splitlines()) == 6  # five and the rule
    names: dict[str, Any] = {}
    exec(code, names)
    history = names["atsc"].history.history
    # Without a teacher the student has 88 to 90 %.
    assert history["val_accuracy"][-1] > 0.9
    assert "43,450 weights became 7,534" in capsys.readouterr().out
    assert keras.saving.load_model("student.keras").count_params() == 7534


def test_pages_are_built(tmp_path: Path) -> None:
    """With no dead link, and each made part in its place."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for page in tmp_path.rglob("*.html"):
        text = page.read_text("utf-8")
        assert "made: " not in text
        if page.name == "404.html":  # its links are a server's
            continue
        links = re.findall(r'href="((?!http)[^"#?]+)[^"]*"', text)
        assert [x for x in links if not (page.parent / x).exists()] == []
    text = (tmp_path / "config.html").read_text("utf-8")
    assert "gradient_accumulation_steps" in text


@pytest.mark.parametrize("name", ["", "config", "methods", "records", "errors"])
def test_api_pages_have_the_public_names(name: str) -> None:
    module = getattr(atsc_keras, name) if name else atsc_keras
    page = PAGES[Path("docs", "api", f"{name or 'atsc_keras'}.md")]
    shown = re.findall(rf"^::: {module.__name__}\.(\w+)$", page, re.MULTILINE)
    modules = {"config", "errors", "methods", "records", "__version__"}
    public = set(module.__all__) - (modules if not name else set())
    assert sorted(shown) == sorted(public)
    assert sorted(dir(module)) == sorted(module.__all__)


def test_api_page_of_export_has_its_public_names() -> None:
    page = PAGES[Path("docs", "api", "export.md")]
    shown = re.findall(r"(?:^::: |`)export\.(\w+)(?:`|$)", page, re.MULTILINE)
    assert sorted(shown) == sorted(export.__all__)


def test_configs_of_the_pages_are_right(tmp_path: Path) -> None:
    for place, text in enumerate(
        block
        for page in ("config.md", "guide/photos.md")
        for block in blocks("yaml", PAGES[Path("docs", page)])
        if len(yaml.safe_load(block)) > 1
    ):
        path = tmp_path / f"page{place}.yaml"
        path.write_text(text)
        assert load_config(path).name == path.stem
    assert place == 2


def test_shown_augmentations_stand_at_their_defaults() -> None:
    (block,) = (
        b
        for b in blocks("yaml", PAGES[Path("docs", "config.md")])
        if "augmentations" in b
    )
    for values in yaml.safe_load(block)["data"]["augmentations"]:
        default = AugmentationConfig(name=values["name"])
        assert AugmentationConfig(**values) == default


def test_config_reference_has_every_key_and_default() -> None:
    made = documentation.config_reference()
    for section in documentation.SECTIONS.values():
        for key, field in section.model_fields.items():
            assert f"| `{key}` | {documentation.default(field)} | " in made
    assert "| `batch_size` | `64` | 1 to 1,000,000 | images a batch; " in made
    assert "| `epochs` | required | 1 to 100,000 | passes over the " in made


def test_command_reference_is_of_the_command() -> None:
    parser = typer.main.get_command(app).commands["compare"]
    made = documentation.command_reference(parser)
    assert "| `--seeds`{ .whole } | `0` |" in made and "| `CONFIG`" in made
