"""README says what is true of the code."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from atsc_keras.config import AugmentationConfig, ExperimentConfig, load_config
from tests.tiny import batch, tiny_encoder, tiny_teacher

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
REFERENCE = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1]


def models(annotation: Any) -> list[type[BaseModel]]:
    """The config sections inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in get_args(annotation) for m in models(part)]


def check(values: dict[str, Any], section: type[BaseModel]) -> None:
    """Every key is there, and stands at its default."""
    assert set(values) == set(section.model_fields), section.__name__
    for key, field in section.model_fields.items():
        inner = models(field.annotation)
        value = values[key]
        if inner and isinstance(value, dict):
            check(value, inner[0])
        elif not field.is_required() and not inner and key != "name":
            default = field.get_default(call_default_factory=True)
            default = list(default) if isinstance(default, tuple) else default
            assert value == default, f"{section.__name__}.{key}"


def test_every_config_key_is_listed_with_its_default(tmp_path: Path) -> None:
    path = tmp_path / "reference.yaml"
    path.write_text(REFERENCE)
    assert load_config(path).name == "reference"
    text = REFERENCE.replace("5e-4", "0.0005")  # YAML 1.1 wants the dot
    check(yaml.safe_load(text), ExperimentConfig)


def test_every_augmentation_is_listed_with_its_defaults() -> None:
    block = re.search(r"```yaml\naugmentations:\n(.*?)```", README, re.DOTALL)[
        1
    ]
    listed = yaml.safe_load(block)
    names = get_args(AugmentationConfig.model_fields["name"].annotation)
    assert [values["name"] for values in listed] == list(names)
    for values in listed:
        default = AugmentationConfig(name=values["name"])
        assert AugmentationConfig(**values) == default
        assert set(values) == set(default.model_dump())


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_first_screen_has_the_two_commands(command: str) -> None:
    assert command in README.split("## ")[0]


def test_links_lead_to_files() -> None:
    root = Path(__file__).parent.parent
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (root / link).exists()]


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
def test_example_of_the_first_screen_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    data = tf.data.Dataset.from_tensor_slices(batch()).batch(4)
    names: dict[str, Any] = {
        "teacher": tiny_teacher(),
        "student": tiny_encoder(4),
        "train": data,
        "test": data,
    }
    exec(code.replace("epochs=240", "epochs=1"), names)
    assert "val_accuracy" in names["atsc"].history.history
    assert (tmp_path / "student.keras").exists()
