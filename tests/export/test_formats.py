"""A format is one class, and needs its own packages only."""

from pathlib import Path

import pytest

import export
from export import FORMATS, Variant
from export.formats.base import PRECISIONS
from tests.export.models import run_export, student

OF_ONNX = ("onnx", "tf2onnx", "onnxruntime", "onnxconverter_common")
OF_TFLITE = ("ai_edge_litert",)


def test_public_names_are_all_that_the_exporter_shows() -> None:
    assert dir(export) == sorted(export.__all__)
    assert all(getattr(export, name) for name in export.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = export.nothing


@pytest.mark.parametrize("name", FORMATS)
def test_format_says_what_it_has_and_needs(name: str) -> None:
    kind = FORMATS[name]
    assert kind.name == name
    assert kind.precisions[0] == "float32"
    assert set(kind.precisions) <= set(PRECISIONS)
    assert kind.needs.keys() == set(kind.precisions)
    assert all(kind.runtime in modules for modules in kind.needs.values())


def hide(
    modules: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make modules missing in every process from here on."""
    (folder / "hidden").mkdir()
    code = f"import sys\nsys.modules.update(dict.fromkeys({modules}))\n"
    (folder / "hidden" / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder / "hidden"))


@pytest.mark.parametrize(
    ("kind", "of_others"),
    [("tflite", OF_ONNX), ("onnx", OF_TFLITE)],
)
def test_format_is_made_without_the_packages_of_others(
    kind: str,
    of_others: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hide(of_others, tmp_path, monkeypatch)
    student().save(tmp_path / "s.keras")
    arguments = (tmp_path / "s.keras", "--out", tmp_path / "out")
    done = run_export(*arguments, "--formats", kind)
    assert done.returncode == 0, done.stdout + done.stderr
    name = FORMATS[kind].file_name(Variant(kind), "s")
    assert (tmp_path / "out" / name).is_file()


@pytest.mark.parametrize("gone", ["tensorflow", "onnxruntime"])
def test_missing_package_is_said_before_anything_is_read(
    gone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide((gone,), tmp_path, monkeypatch)
    done = run_export(tmp_path / "none.keras", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert f"onnx without {gone}" in done.stderr
    assert 'Run `pip install "atsc-keras[export]"`' in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
