"""A method of one's own stands beside the others."""

from pathlib import Path

import pytest
from keras import ops

import atsc_keras
from atsc_keras.comparing.comparison import compare
from atsc_keras.config import load_config
from atsc_keras.distillation.transfer_loss import load_transfer_loss
from atsc_keras.errors import InputError
from atsc_keras.methods import METHODS, Method, find_method
from tests.markers import ONCE
from tests.tiny_experiment import write_config

NAME = f"{__name__}:Embeddings"


class Embeddings(atsc_keras.TransferLoss):
    """How far the mean embeddings are apart."""

    def compute_loss(self, teacher, student, labels):
        means = [ops.mean(x.embedding, axis=-1) for x in (teacher, student)]
        return ops.square(means[0] - means[1])


class Wanting(Embeddings):
    def __init__(self, needed):
        super().__init__()


def test_own_method_is_compared_as_the_config_says(tmp_path: Path) -> None:
    methods = {NAME: {"transfer_weight": 0.0, "student_loss_weight": 0.0}}
    config = load_config(write_config(tmp_path, epochs=1, methods=methods))
    run = tmp_path / "run"
    summary = compare(config, run, ("student", NAME), (0,))
    assert list(summary.methods) == ["student_alone", NAME]
    trial = run / "runs" / f"{NAME.replace(':', '@')}_seed0"
    read = load_config(trial / "config.yaml")
    assert read.methods.of(NAME).transfer_weight == 0
    lines = (trial / "history.csv").read_text().splitlines()
    row = dict(zip(*(line.split(",") for line in lines), strict=True))
    assert float(row["loss"]) == 0
    assert float(row["transfer_loss"]) > 0
    assert "| Embeddings |" in (run / "comparison.md").read_text()
    again = compare(config, run, (NAME,), (0,), resume=True)
    assert again.methods == summary.methods


@ONCE
def test_row_of_the_registry_gives_label_and_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Method("mine", "Mine", "#123456", loss=NAME, transfer_weight=2.0)
    monkeypatch.setattr(
        "atsc_keras.methods.registry.METHODS", {**METHODS, "mine": row}
    )
    config = load_config(write_config(tmp_path, epochs=1))
    compare(config, tmp_path / "run", ("mine",), (0,))
    assert "| Mine |" in (tmp_path / "run/comparison.md").read_text()
    drawn = (tmp_path / "run/figures/seeds.svg").read_text()
    assert "#123456" in drawn


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:MyLoss", "must import. Received: no_such_module"),
        (f"{__name__}:Embedding", "has no Embedding"),
        (f"{__name__}:NAME", "Derive it from atsc_keras.TransferLoss"),
        (f"{__name__}:Wanting", "override `for_training_set`"),
        ("kdd", "Nearest: kd"),
    ],
)
def test_wrong_method_is_one_message_before_anything_is_written(
    tmp_path: Path, name: str, message: str
) -> None:
    config = load_config(write_config(tmp_path))
    with pytest.raises(InputError, match=message):
        compare(config, tmp_path / "run", ("student", name), (0,))
    assert not (tmp_path / "run").exists()


def test_every_row_can_be_found_and_its_loss_imported() -> None:
    for name, method in METHODS.items():
        assert find_method(name) is method
        if method.loss is not None:
            load_transfer_loss(method.loss)


def test_config_sets_every_row_that_has_no_section_of_its_own(
    tmp_path: Path,
) -> None:
    config = load_config(write_config(tmp_path))
    fields = type(config.methods).model_fields
    of_labels = {m.name for m in METHODS.values() if m.kind == "labels"}
    assert {*fields, *of_labels, "atsc"} == set(METHODS)
