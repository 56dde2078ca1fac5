"""A missing package is known at the start, and only where it is needed."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest
import yaml

from atsc_keras.cli.app import main
from atsc_keras.errors import InputError
from atsc_keras.packages import check_installed, install_line, is_installed
from export.formats import FORMATS, check_packages, variants
from tests.tiny_experiment import PUBLISHED, write_config

ROOT = Path(__file__).parents[1]
Hide = Callable[[str], None]


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Hide:
    """Makes a package absent for whoever looks for it from now on."""

    def hidden(package: str) -> None:
        class Without(PathFinder):
            @classmethod
            def find_spec(cls, name: str, *places: Any) -> Any:
                if name.partition(".")[0] == package:
                    return None
                return PathFinder.find_spec(name, *places)

        finders = [Without if f is PathFinder else f for f in sys.meta_path]
        monkeypatch.setattr(sys, "meta_path", finders)
        monkeypatch.delitem(sys.modules, package, raising=False)

    return hidden


def config_of(folder: Path, kind: str) -> Path:
    path = write_config(folder, epochs=1, networks=PUBLISHED)
    config = yaml.safe_load(path.read_text())
    if kind in ("digits", "tfds"):
        config["data"] = {"source": kind, "batch_size": 8}
        if kind == "tfds":
            config["data"]["name"] = "mnist"
    if kind.startswith("keras_"):
        config["student"]["network"] = f"{kind}/ResNetBackbone()"
    path.write_text(yaml.safe_dump(config))
    return path


WORDS: dict[str, tuple[str, ...]] = {
    "train": ("--run-dir", "run"),
    "train student": ("--role", "student", "--run-dir", "run"),
    "distill": ("--run-dir", "run"),
    "distill export": ("--run-dir", "run", "--export"),
    "compare": ("--run-dir", "run"),
    "benchmark": ("--run-dir", "run"),
    "evaluate": ("--model", "any.keras"),
    "samples": ("--out", "some.npz"),
}
TRAINING = ("train", "distill", "compare")
# Package: what to install, the config that wants it, and the commands that do.
TABLE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "matplotlib": ("matplotlib", "npz", TRAINING),
    "jinja2": ("jinja2", "npz", TRAINING),
    "scipy": ("scikit-learn", "npz", TRAINING),
    "rich": ("rich", "npz", (*TRAINING, "benchmark")),
    "sklearn": (
        "scikit-learn",
        "digits",
        (*TRAINING, "benchmark", "samples", "evaluate"),
    ),
    "tensorflow_datasets": (
        '"atsc-keras[data]"',
        "tfds",
        (*TRAINING, "benchmark", "samples", "evaluate"),
    ),
    "keras_hub": (
        '"atsc-keras[hub]"',
        "keras_hub",
        ("train student", "distill", "compare", "benchmark"),
    ),
    "keras_cv": ('"atsc-keras[hub]"', "keras_cv", ("distill", "compare")),
    **dict.fromkeys(
        ("onnx", "onnxruntime", "tf2onnx", "ai_edge_litert"),
        ('"atsc-keras[export]"', "npz", ("distill export",)),
    ),
}


@pytest.mark.parametrize(
    ("package", "command"),
    [(package, word) for package, row in TABLE.items() for word in row[2]],
)
def test_missing_package_is_one_message_before_any_work(
    package: str,
    command: str,
    hide: Hide,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    installed, kind, _ = TABLE[package]
    config = config_of(tmp_path, kind)
    (tmp_path / "any.keras").write_bytes(EMPTY_MODEL)
    monkeypatch.chdir(tmp_path)
    words = ["atsc", command.split()[0], str(config), *WORDS[command]]
    monkeypatch.setattr(sys, "argv", words)
    exporter = "atsc_keras.training.exporting.exporter"
    monkeypatch.setattr(exporter, lambda: "export")  # of this tree
    files = sorted(tmp_path.rglob("*"))
    hide(package)
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err.strip()
    assert end.value.code == 2, said
    assert len(said.splitlines()) == 1
    assert f"pip install {installed}" in said
    assert sorted(tmp_path.rglob("*")) == files


# As far as one looks before frameworks are there.
EMPTY_MODEL = b"\x89HDF\r\n\x1a\n"


@pytest.mark.parametrize("package", ["matplotlib", "sklearn", "rich", "onnx"])
def test_package_is_asked_for_only_where_it_is_needed(
    package: str,
    hide: Hide,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = config_of(tmp_path, "npz")
    monkeypatch.chdir(tmp_path)
    words = ["atsc", "samples", str(config), "--out", "some.npz"]
    monkeypatch.setattr(sys, "argv", words)
    hide(package)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (0, None)
    assert (tmp_path / "some.npz").exists()


NEEDED = {
    "saved_model": {"tensorflow"},
    "tflite": {"tensorflow", "ai_edge_litert"},
    "onnx": {"tensorflow", "tf2onnx", "onnx", "onnxruntime"},
}
OPTIONAL = {*set().union(*NEEDED.values()), "onnxconverter_common"}


@pytest.mark.parametrize("package", sorted(OPTIONAL))
@pytest.mark.parametrize("kind", FORMATS)
def test_format_asks_for_its_own_packages_only(
    kind: str, package: str, hide: Hide
) -> None:
    asked = variants([kind], ["float32"], ["float32"])
    hide(package)
    if package not in NEEDED[kind]:
        check_packages(asked)
        return
    with pytest.raises(InputError, match=r"atsc-keras\[export\].*leave the f"):
        check_packages(asked)


@pytest.mark.parametrize("kind", ["missing", "refused", "none"])
def test_absent_packages_are_known_however_they_are_hidden(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing:
        @staticmethod
        def find_spec(name: str, *_: Any) -> None:
            if name == "missing_one":
                raise ModuleNotFoundError(name=name)

    if kind == "refused":
        monkeypatch.setattr(sys, "meta_path", [Refusing, *sys.meta_path])
    if kind == "none":
        monkeypatch.setitem(sys.modules, "missing_one", None)
    assert not is_installed("missing_one")
    with pytest.raises(InputError, match="no missing-one, for tea. Run pip "):
        check_installed({"missing_one": "tea", "sys": "all"})


def test_line_names_extras_and_packages_once() -> None:
    line = install_line("sklearn", "scipy", "onnx", "tf2onnx", "PIL")
    assert line == ('pip install scikit-learn "atsc-keras[export]" pillow')


# What is imported first of all, by `atsc` and by the exporter.
BASE = {
    **{"typer": "typer", "pydantic": "pydantic", "yaml": "PyYAML"},
    **{"filelock": "filelock", "numpy": "numpy"},
}
SCRIPT = """
import runpy, sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] == package:
            return None
        return PathFinder.find_spec(name, path, target)

_, package, module, *words = sys.argv
sys.meta_path[sys.meta_path.index(PathFinder)] = Without
sys.argv = [module, *words]
runpy.run_module(module, run_name="__main__")
"""


@pytest.mark.parametrize("package", BASE)
@pytest.mark.parametrize("module", ["atsc_keras", "export"])
def test_base_package_that_is_missing_is_one_message(
    package: str, module: str, tmp_path: Path
) -> None:
    words = ("train", "x.yaml") if module == "atsc_keras" else ("x.keras",)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, package, module, *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"Run pip install {BASE[package]}." in done.stderr
