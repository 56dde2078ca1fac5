"""What Keras may find in a file is registered, and nothing loaded for it."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

import atsc_keras
from atsc_keras import methods
from atsc_keras._registration import SERIALIZABLE
from atsc_keras.data.crop_and_flip import CropAndFlip
from atsc_keras.training.recipes import WarmedUp
from tests.tiny import tiny_atsc, tiny_teacher

ROOT = Path(__file__).parent.parent
IMPORTS = {
    "atsc_keras first": "import atsc_keras, keras",
    "keras first": "import keras, atsc_keras",
}
# A `DistilledStudent` is saved as a functional model of stock layers.
EXAMPLES: dict[str, Callable[[], Any]] = {
    "ATSC": tiny_atsc,
    "CoupledSGD": lambda: atsc_keras.CoupledSGD(0.1, momentum=0.8),
    "CropAndFlip": lambda: CropAndFlip(3),
    "FeatureAlignment": lambda: atsc_keras.FeatureAlignment(normalized=True),
    "ImageClassifier": tiny_teacher,
    "KnowledgeDistillation": lambda: atsc_keras.KnowledgeDistillation(
        tiny_teacher(), tiny_teacher(4), methods.Attention(), temperature=2.0
    ),
    "WarmedUp": lambda: WarmedUp(
        keras.optimizers.schedules.CosineDecay(0.1, 20), 4
    ),
    "Attention": methods.Attention,
    "Contrastive": lambda: methods.Contrastive(dimensions=8),
    "DecoupledSoftTargets": lambda: methods.DecoupledSoftTargets(2.0),
    "Hint": methods.Hint,
    "Review": methods.Review,
    "SemanticCalibration": lambda: methods.SemanticCalibration(8),
    "SimilarityPreserving": methods.SimilarityPreserving,
    "SoftmaxRegression": methods.SoftmaxRegression,
    "VariationalInformation": methods.VariationalInformation,
}


def python(code: str, *arguments: object) -> Any:
    """What a new program prints last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},  # it starts soonest
    )
    return json.loads(done.stdout.splitlines()[-1])


def settings(config: dict[str, Any]) -> dict[str, Any]:
    """Without the networks, whose layers are Keras's own affair."""
    values = config["config"].items()
    return {k: v for k, v in values if not isinstance(v, dict | list)}


def registered() -> Iterator[tuple[str, str]]:
    """Names that the package's files register, and where they do."""
    package = ROOT / "atsc_keras"
    for path in sorted(package.rglob("*.py")):
        home = ".".join(path.relative_to(package).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and any(
                "register_keras_serializable(package='atsc_keras')"
                in ast.unparse(decorator)
                for decorator in node.decorator_list
            ):
                yield node.name, home


def test_table_is_what_the_files_register() -> None:
    assert dict(registered()) == dict(SERIALIZABLE)
    assert len(list(registered())) == len(SERIALIZABLE)


def test_every_registration_names_the_package() -> None:
    texts = [
        path.read_text("utf-8") for path in (ROOT / "atsc_keras").rglob("*.py")
    ]
    count = sum(text.count("register_keras_serializable(") for text in texts)
    assert count == len(SERIALIZABLE)


@pytest.mark.parametrize("order", IMPORTS)
def test_every_class_is_found_whichever_was_imported_first(
    order: str, tmp_path: Path
) -> None:
    assert {*EXAMPLES, "DistilledStudent"} == set(SERIALIZABLE)
    configs = {
        name: keras.saving.serialize_keras_object(make())
        for name, make in EXAMPLES.items()
    }
    (tmp_path / "configs.json").write_text(json.dumps(configs))
    code = f"""
import json, sys
from pathlib import Path
{IMPORTS[order]}
found = {{}}
for name, config in json.loads(Path(sys.argv[1]).read_text()).items():
    made = keras.saving.deserialize_keras_object(config)
    known = keras.saving.get_registered_object("atsc_keras>" + name)
    again = keras.saving.serialize_keras_object(made)
    found[name] = [type(made).__module__, known is type(made), again]
print(json.dumps(found))
"""
    found = python(code, tmp_path / "configs.json")
    for name in EXAMPLES:
        home = f"atsc_keras.{SERIALIZABLE[name]}"
        assert found[name][:2] == [home, True]
        assert settings(found[name][2]) == settings(configs[name])


@pytest.mark.parametrize("order", IMPORTS)
def test_every_name_is_registered_without_its_file(order: str) -> None:
    code = f"""
import json, sys
{IMPORTS[order]}
from atsc_keras import methods
from atsc_keras._registration import SERIALIZABLE
known = {{
    name: keras.saving.get_registered_object("atsc_keras>" + name)
    for name in SERIALIZABLE
}}
early = [x for x in SERIALIZABLE.values() if "atsc_keras." + x in sys.modules]
made = known["FeatureAlignment"](normalized=True)
names = [stand_in.__name__ for stand_in in known.values()]
print(json.dumps([early, names, made.normalized]))
"""
    assert python(code) == [[], list(SERIALIZABLE), True]


def test_keras_is_loaded_as_if_we_were_not_there() -> None:
    code = """
import json, sys
import atsc_keras
found = ["keras" in sys.modules]
import keras
same = keras.__spec__.loader is keras.__loader__
print(json.dumps([*found, same, keras.__loader__.__class__.__name__]))
"""
    assert python(code) == [False, True, "SourceFileLoader"]


def test_keras_can_be_missing_and_come_later(tmp_path: Path) -> None:
    keras_folder = tmp_path / "keras"
    keras_folder.mkdir()
    (keras_folder / "__init__.py").write_text("raise ImportError('first')")
    code = f"""
import json, sys
sys.path.insert(0, {str(tmp_path)!r})
import atsc_keras
try:
    import keras
except ImportError as error:
    found = [str(error)]
sys.path.pop(0)
import keras
known = keras.saving.get_registered_object("atsc_keras>ATSC")
print(json.dumps([*found, known.__name__]))
"""
    assert python(code) == ["first", "ATSC"]


def test_backend_that_is_not_installed_gets_the_line_to_install() -> None:
    code = """
import json, os, sys
os.environ["KERAS_BACKEND"] = "jax"
sys.modules["jax"] = None  # as if it were not there
import atsc_keras
from atsc_keras.errors import InputError
from atsc_keras.processes import prepare_frameworks
said = []
for use in (lambda: atsc_keras.ATSC, prepare_frameworks):
    try:
        use()
    except InputError as error:
        said.append(str(error))
print(json.dumps(said))
"""
    first, second = python(code)
    assert "Received: KERAS_BACKEND=jax, which is not." in first
    assert 'pip install "atsc-keras[jax]", or set KERAS_BACKEND to' in first
    assert second == first
