"""Variants of an experiment change how it is distilled, and nothing else."""

from pathlib import Path

import pytest
import yaml
from pydantic import Field

from atsc_keras.config import (
    config_digest,
    differences,
    load_config,
    load_variants,
)
from atsc_keras.config.loading import said
from atsc_keras.config.strict_model import (
    NEUTRAL,
    StrictModel,
    as_recorded,
    neutral_values,
)
from atsc_keras.errors import InputError

_EXPERIMENT = {
    "data": {"source": "npz", "path": "here/data.npz"},
    "teacher": {"network": "resnet14", "weights": "here/teacher.keras"},
    "student": {"network": "resnet8"},
    "distillation": {"training": {"epochs": 3}},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(_EXPERIMENT))
    return path


def _variants(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "variants.yaml"
    path.write_text(text)
    return path


def test_variant_is_the_experiment_with_its_overrides(
    tmp_path: Path, config: Path
) -> None:
    path = _variants(
        tmp_path,
        "kernels: [distillation.l2sp_scope=kernels]\n"
        "last_stage:\n"
        "  - 'teacher.trainable=[stage3_.*]'\n"
        "  - distillation.l2sp_weight=10\n",
    )
    found = load_variants(path, config, ["seed=7"])
    assert list(found) == ["kernels", "last_stage"]
    assert found["kernels"].distillation.l2sp_scope == "kernels"
    assert found["kernels"].distillation.l2sp_weight == 1
    assert found["last_stage"].teachers[0].trainable == ("stage3_.*",)
    assert found["last_stage"].distillation.l2sp_weight == 10
    assert [variant.seed for variant in found.values()] == [7, 7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wide: [student.network=resnet14]", "may change `distillation`"),
        ("more: [data.batch_size=32]", "may change `distillation`"),
        ("a/b: [distillation.reduction=4]", "must be a name of letters"),
        ("four: distillation.reduction=4", "with a list of overrides"),
        ("four: [4]", "with a list of overrides"),
        ("wrong: [distillation.l2sp_weigth=1]", "Variant wrong of"),
        ("[a, b]", "must be a mapping"),
    ],
)
def test_wrong_variants_are_refused(
    tmp_path: Path, config: Path, text: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_variants(_variants(tmp_path, text), config)


def test_digest_is_of_what_is_done_not_of_where_files_lie(
    config: Path,
) -> None:
    def digest(*overrides: str) -> str:
        return config_digest(load_config(config, overrides))

    # What lies there has a digest of its own.
    assert digest() == digest("data.path=there/other.npz")
    assert digest() == digest("data.source=folder", "data.path=pictures")
    assert digest() == digest("teacher.weights=/runs/3/teacher.keras")
    assert digest() == digest("distillation.l2sp_weight=1.0")
    changed = [
        digest("data.classes=2"),
        digest("seed=1"),
        digest("distillation.l2sp_weight=1.5"),
    ]
    assert len({digest(), *changed}) == 4
    assert all(len(text) == 16 for text in changed)


class _Section(StrictModel):
    """One whose settings came one after the other."""

    old: int = 1
    later: int = 2
    changed: int = Field(default=5, json_schema_extra={NEUTRAL: 3})
    needed: str


class _Outer(StrictModel):
    inner: tuple[_Section, ...]
    one: _Section
    by_default: _Section = _Section(needed="c")


def test_setting_that_a_record_lacks_counts_at_its_neutral_value() -> None:
    assert neutral_values(_Section) == {"old": 1, "later": 2, "changed": 3}
    assert said(_Section(needed="a", changed=3)) == {"needed": "a"}
    assert said(_Section(needed="a")) == {"changed": 5, "needed": "a"}
    # Read from a record it is what was done, and no default of today.
    assert as_recorded(_Section(needed="a")).changed == 3
    assert as_recorded(_Section(needed="a", changed=5)).changed == 5
    outer = _Outer(inner=(_Section(needed="a"),), one=_Section(needed="b"))
    assert [x.changed for x in (*as_recorded(outer).inner, outer.one)] == [3, 5]
    assert as_recorded(outer).one.changed == 3
    assert as_recorded(outer).by_default.changed == 3


def test_reduction_that_a_record_lacks_is_the_former_default(
    config: Path,
) -> None:
    now = load_config(config)
    given = load_config(config, ["distillation.reduction=2"])
    assert now.distillation.reduction == "auto"
    # As digests were before there was a choice.
    assert "reduction" not in said(given)["distillation"]
    assert said(now)["distillation"]["reduction"] == "auto"
    assert "projector_parameters" not in said(now)["distillation"]
    assert config_digest(now) != config_digest(given)
    assert as_recorded(now).distillation.reduction == 2


def test_differences_name_every_key(config: Path) -> None:
    one = load_config(config)
    other = load_config(config, ["seed=3", "data.path=there.npz"])
    assert differences(one, other, places=False) == ["seed=3 instead of 0"]
    assert [text.split("=")[0] for text in differences(one, other)] == [
        *("data.path", "seed")
    ]
