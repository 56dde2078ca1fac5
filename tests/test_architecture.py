"""The rooms of the house import what they may, and nothing else."""

import ast
import graphlib
import importlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import atsc_keras

ROOT = Path(__file__).parent.parent
STANDARD = set(sys.stdlib_module_names)
FRAMEWORKS = {"tensorflow", "jax", "torch"}
# The one folder of the data room that may import TensorFlow.
READING = "atsc_keras/data/tensorflow"
READERS = {"tensorflow", "tensorflow_datasets"}

# What each room may import: other packages, and rooms of this project.
_UP_TO_DATA = {
    *("records", "reports", "methods", "distillation", "models", "backend"),
    *("data", "config", "files", "processes"),
}
ROOMS = {
    # Once Keras is there, the backend tells which process this is.
    "atsc_keras/processes.py": ({"keras"}, {"files", "backend"}),
    "atsc_keras/files": ({"numpy", "PIL", "psutil", "h5py"}, {"files"}),
    "atsc_keras/config": (
        {"pydantic", "pydantic_core", "yaml", "numpy"},
        {"config"},
    ),
    "atsc_keras/records": (
        {"pydantic", "filelock"},
        {"records", "config", "files", "processes"},
    ),
    "atsc_keras/reports": (
        {*("numpy", "matplotlib", "scipy", "rich", "jinja2", "markupsafe")},
        {"reports", "records", "config", "files", "processes"},
    ),
    "atsc_keras/models": ({"numpy", "keras", "h5py"}, {"models", "files"}),
    "atsc_keras/backend": ({"keras"}, {"backend"}),
    "atsc_keras/distillation": (
        {"numpy", "keras"},
        {"distillation", "models", "backend"},
    ),
    "atsc_keras/methods": ({"keras"}, {"methods", "distillation", "models"}),
    "atsc_keras/data": (
        {"numpy", "keras", "sklearn", "PIL"},
        {"data", "config", "files"},
    ),
    "atsc_keras/training": (
        {"numpy", "keras", "psutil"},
        {"training", *_UP_TO_DATA},
    ),
    "atsc_keras/comparing": (
        {"keras"},
        {"comparing", "training", *_UP_TO_DATA},
    ),
    "atsc_keras/benchmarking": (
        {"numpy", "keras"},
        {"benchmarking", "training", *_UP_TO_DATA},
    ),
    "atsc_keras/cli": (
        {"typer"},
        {
            *("", "cli", "training", "comparing", "benchmarking"),
            *_UP_TO_DATA,
        },
    ),
    "export": (
        {
            *("numpy", "keras", "tensorflow", "tf2onnx", "onnx", "typer"),
            *("onnxruntime", "onnxconverter_common", "ai_edge_litert", "PIL"),
        },
        {"files", "models", "processes", "records", "reports"},
    ),
}
EVERYWHERE = {"types", "errors", "pixels", "packages", "signals", "endings"}


def sources(folder: str) -> list[Path]:
    """The files of a room, which may be one file."""
    path = ROOT / folder
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def imports_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield f"export.{node.module}" if node.level else node.module or ""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            # The exporter has two names: in the tree, and installed.
            exporter = path.is_relative_to(ROOT / "export")
            deepest = len(path.relative_to(ROOT).parts) - 1 if exporter else 0
            assert node.level <= deepest, f"{path}: relative import"
        yield from imports_of(node)


# A table that rooms without Keras read too; it imports no room itself.
REGISTRY = "atsc_keras.methods.registry"


def allowed(path: Path, name: str, others: set[str], rooms: set[str]) -> bool:
    package, _, rest = name.partition(".")
    if name == REGISTRY and path.parent.name in ("config", "reports"):
        return True
    if package == "atsc_keras":
        return bool(rooms) and rest.split(".")[0] in rooms | EVERYWHERE
    if package == "export":
        return path.is_relative_to(ROOT / "export")
    if package in FRAMEWORKS and "backend" in path.parts:
        return path.stem == package  # one framework a file
    if package in READERS and path.is_relative_to(ROOT / READING):
        return True
    return package in STANDARD or package in others


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_only_what_it_may(room: str) -> None:
    others, rooms = ROOMS[room]
    files = sources(room)
    assert files
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in imports(path)
        if not allowed(path, name, others, rooms)
    ]
    assert not wrong


def test_rooms_form_no_circle() -> None:
    """Each room may import what lies below it; the backend is the ground's."""
    order = {
        name.removeprefix("atsc_keras/").removesuffix(".py"): rooms
        for name, (_, rooms) in ROOMS.items()
    }
    order = {
        name: rooms & order.keys() - {name} for name, rooms in order.items()
    }
    order["processes"] -= {"backend"}  # once Keras is there
    graphlib.TopologicalSorter(order).prepare()


def test_tensorflow_of_the_data_room_is_imported_when_used() -> None:
    """At the top of its own files; by others inside functions only."""
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources("atsc_keras")
        for node in ast.parse(path.read_text("utf-8")).body
        if not path.is_relative_to(ROOT / READING)
        for name in imports_of(node)
        if name.startswith(READING.replace("/", "."))
    ]
    wrong += [
        f"{path.relative_to(ROOT)}: {name} in {node.name}"
        for path in sources(READING)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
        for part in ast.walk(node)
        for name in imports_of(part)
    ]
    assert not wrong


def test_exporter_works_under_both_of_its_names() -> None:
    wrong = [
        f"{path.name}: {node.module}"
        for path in sources("export")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        if node.level == 0 and (node.module or "").split(".")[0] == "export"
    ]
    assert not wrong


def test_registry_of_methods_needs_no_room() -> None:
    path = ROOT / "atsc_keras/methods/registry.py"
    assert all(allowed(path, name, set(), {"errors"}) for name in imports(path))


def test_nobody_reaches_into_keras() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("atsc_keras", "export", "tests")
        for path in sources(folder)
        for name in imports(path)
        if name.startswith("keras." + "src")
    ]
    assert not wrong


def test_files_stay_readable() -> None:
    long = [
        path.name
        for folder in ("atsc_keras", "export", "tests", "tools")
        for path in sources(folder)
        if len(path.read_text("utf-8").splitlines()) > 320
    ]
    assert not long


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "name",
    [
        *("_registration", "_version", "errors", "pixels"),
        *("packages", "signals", "endings"),
    ],
)
def test_ground_needs_the_standard_library_only(name: str) -> None:
    found = {*imports(ROOT / "atsc_keras" / f"{name}.py")}
    found -= {f"atsc_keras.{ground}" for ground in EVERYWHERE}
    assert {module.partition(".")[0] for module in found} <= STANDARD


def test_import_loads_no_framework() -> None:
    code = (
        "import sys, atsc_keras, atsc_keras.config, atsc_keras.errors\n"
        "import atsc_keras.records\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'sklearn', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert python(code) == "[]"


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_using_the_package_leaves_tensorflow_out(backend: str) -> None:
    code = (
        "import sys, atsc_keras\n"
        "names = [getattr(atsc_keras, n) for n in atsc_keras.__all__]\n"
        "from tests.tiny import batch, sgd, tiny_atsc\n"
        "atsc = tiny_atsc()\n"
        "atsc.compile(sgd(), metrics=['accuracy'])\n"
        "history = atsc.fit(*batch(), batch_size=4, verbose=0)\n"
        "assert history.history['accuracy']\n"
        "print('tensorflow' in sys.modules)"
    )
    assert python(code, KERAS_BACKEND=backend) == "False"


@pytest.mark.parametrize(
    "room", ["", ".config", ".errors", ".methods", ".records"]
)
def test_public_names_are_all_that_a_public_room_shows(room: str) -> None:
    module = importlib.import_module(f"atsc_keras{room}")
    assert dir(module) == sorted(module.__all__)
    for name in module.__all__:
        found = getattr(module, name)
        assert getattr(found, "__name__", name).split(".")[-1] == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing


def test_version_is_that_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert atsc_keras.__version__ == tomllib.loads(text)["project"]["version"]


@pytest.mark.parametrize("module", ["atsc_keras", "export"])
def test_help_loads_no_framework(module: str) -> None:
    # What takes seconds is absent, so that the answer takes none.
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['{module}', '--help']\n"
        "try:\n"
        f"    runpy.run_module('{module}', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert python(code).splitlines()[-1] == "[]"
