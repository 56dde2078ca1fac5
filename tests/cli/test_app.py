"""The command `atsc`, as a script in a folder of its own starts it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import atsc_keras
from atsc_keras.config import METHODS
from atsc_keras.config.shipped import shipped_configs
from atsc_keras.models.network_names import network_names
from tests.export.tiny_onnx import NAMES, SHAPE, write_linear_onnx
from tests.tiny_experiment import PUBLISHED, write_config

ROOT = Path(__file__).parents[2]
SCRIPT = """
import importlib.util, sys
from importlib.abc import MetaPathFinder

hidden = {hidden!r}
find_spec = importlib.util.find_spec

class Hiding(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        package = name.partition(".")[0]
        if package in hidden:
            raise ModuleNotFoundError(f"No module named {{name}}", name=package)

importlib.util.find_spec = lambda name: (
    None if name in hidden else find_spec(name)
)
sys.meta_path.insert(0, Hiding())
from atsc_keras.cli.app import main
main()
"""
EXPORTER = """
import sys
import typer
from atsc_keras.errors import InputError

app = typer.Typer(add_completion=False)

@app.command()
def export(model: str, formats: str = "all") -> None:
    \"\"\"Exports, one supposes.\"\"\"
    if model == "wrong":
        raise InputError("`model` must be right. Received: wrong. Correct it.")
    heavy = {"keras", "tensorflow", "jax", "torch"} & set(sys.modules)
    print(model, formats, sorted(heavy))
    raise typer.Exit(1 if model == "refused" else 0)
"""

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def atsc(tmp_path: Path) -> Run:
    """Runs the command in a working directory; some packages are absent."""

    def run(
        *words: object, hidden: tuple = (), **environment: str | None
    ) -> subprocess.CompletedProcess:
        scripts = tmp_path / "scripts"
        scripts.mkdir(exist_ok=True)
        (scripts / "atsc").write_text(SCRIPT.format(hidden=hidden))
        changed = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        return subprocess.run(
            [sys.executable, scripts / "atsc", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={k: v for k, v in changed.items() if v is not None},
        )

    return run


def test_version_is_the_package_s(atsc: Run) -> None:
    done = atsc("--version")
    assert done.stdout == f"atsc-keras {atsc_keras.__version__}\n"
    assert done.returncode == 0


def test_list_names_configs_methods_and_networks(atsc: Run) -> None:
    done = atsc("list")
    assert done.returncode == 0, done.stderr
    for name in (*shipped_configs(), *METHODS, *network_names()):
        assert name in done.stdout
    assert "the demo\n" in done.stdout


@pytest.mark.parametrize(
    ("asked", "hidden", "message"),
    [
        ("jax", ("jax", "torch"), "Received: KERAS_BACKEND=jax, which is not."),
        (None, ("tensorflow",), "Received: no KERAS_BACKEND, so tensorflow,"),
    ],
)
def test_backend_that_is_not_installed_is_one_message(
    asked: str | None, hidden: tuple, message: str, atsc: Run, tmp_path: Path
) -> None:
    done = atsc(
        *("train", write_config(tmp_path, networks=PUBLISHED)),
        hidden=hidden,
        KERAS_BACKEND=asked,
        KERAS_HOME=str(tmp_path),
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert f'pip install "atsc-keras[{hidden[0]}]", or set' in done.stderr
    assert "Traceback" not in done.stderr


def test_package_that_is_missing_is_one_message(
    atsc: Run, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    words = (
        "train",
        write_config(tmp_path, networks=PUBLISHED),
        "--run-dir",
        run_dir,
    )
    done = atsc(*words, hidden=("matplotlib",))
    assert done.returncode == 2
    assert "Received: no matplotlib, for figures." in done.stderr
    assert "Run pip install matplotlib." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not run_dir.exists()


def test_backend_of_keras_own_settings_is_checked_too(
    atsc: Run, tmp_path: Path
) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "numpy"}')
    words = ("samples", write_config(tmp_path), "--out", "x.npz")
    done = atsc(*words, KERAS_BACKEND=None, KERAS_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "Received: backend=numpy." in done.stderr


def test_export_hands_its_words_to_the_exporter(
    atsc: Run, tmp_path: Path
) -> None:
    # In the working directory, where a script alone would not find it.
    package = tmp_path / "atsc_export"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(EXPORTER)
    done = atsc("export", "student.keras", "--formats", "onnx")
    assert done.stdout == "student.keras onnx []\n", done.stderr
    assert done.returncode == 0
    assert atsc("export", "refused").returncode == 1
    wrong = atsc("export", "wrong")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("Error: `model` must be right.")
    told = atsc("export", "--help")
    assert "Exports, one supposes." in told.stdout
    assert "atsc export" in told.stdout


def test_predict_opens_an_onnx_file_without_keras(
    atsc: Run, tmp_path: Path
) -> None:
    (tmp_path / "atsc_export").symlink_to(ROOT / "export")
    write_linear_onnx(tmp_path / "m.onnx", labels=NAMES)
    Image.new("RGB", SHAPE[:2]).save(tmp_path / "p.png")
    words = ("predict", "m.onnx", "p.png", "--json")
    done = atsc(*words, hidden=("keras", "tensorflow", "jax", "torch"))
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)
    assert answer["file"] == "p.png"
    assert answer["classes"][0] == {
        **{
            "index": 0,
            "name": "ant",
            "probability": 0.25,
        }  # of black, all alike
    }
    done = atsc(*words, hidden=("onnxruntime",))
    assert done.returncode == 2
    assert done.stdout == "" and "Traceback" not in done.stderr
    assert "m.onnx without onnxruntime. Run `pip install" in done.stderr
    told = atsc("predict", "--help")
    assert "atsc predict" in told.stdout and "--class-names" in told.stdout


def test_quiet_training_says_where_its_result_is(
    atsc: Run, tmp_path: Path
) -> None:
    config = write_config(tmp_path, epochs=1, networks=PUBLISHED)
    words = ("train", config, "--role", "student", "--run-dir", "run")
    done = atsc(*words, "--quiet")
    assert done.stdout == "Report: run/report.html\n", done.stderr
    again = atsc(*words, "--quiet")
    assert again.returncode == 2
    assert "Error: " in again.stderr
    assert again.stdout == ""
