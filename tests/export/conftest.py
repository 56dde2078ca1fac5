"""What a demo page is made of, and what it holds."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from export.demo_page import write_demo_page
from export.web_runtime import MODULE, WASM
from tests.export.tiny_onnx import write_linear_onnx

CONTENT = {MODULE: b"export default 1;", WASM: b"\0asm\1\0\0\0"}


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A folder with the names of onnxruntime-web's files."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_linear_onnx(tmp_path / "student.onnx")


def value_of(script: Path) -> Any:
    """The JSON that a script assigns to a global variable."""
    text = script.read_text("utf-8")
    found = re.fullmatch(r"globalThis\.[A-Z]+ = (.*);\n", text)
    assert found
    return json.loads(found[1])


def written(folder: Path, model: Path, runtime: Path, **options: Any) -> Any:
    """What the page is told about a model."""
    options = {"class_names": None, "images": None, **options}
    write_demo_page(folder, model, runtime=runtime, **options)
    return value_of(folder / "model.js")


def assert_nothing_but(folder: Path, names: set[str]) -> None:
    assert {path.name for path in folder.iterdir()} == names
