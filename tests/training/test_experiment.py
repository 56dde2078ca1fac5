"""What a config asks for is checked and built once."""

from pathlib import Path

import keras
import pytest

import atsc_keras.training.networks as networks
from atsc_keras import Dataset, distill, load_config
from atsc_keras.errors import InputError
from atsc_keras.models.graphs import leaf_layers
from atsc_keras.training.opening import open_experiment
from tests.tiny import values
from tests.tiny_experiment import write_config


def test_distilling_builds_each_network_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, build = [], networks.build_classifier

    def counted(name: str, *arguments: object, **settings: object) -> object:
        built.append(name)
        return build(name, *arguments, **settings)

    monkeypatch.setattr(networks, "build_classifier", counted)
    distill(load_config(write_config(tmp_path, epochs=1)), tmp_path / "run")
    # The teacher, the student that is distilled and the one that is alone.
    assert built == ["tiny_teacher", "tiny", "tiny"]


def test_networks_begin_as_the_seed_says_whatever_was_built_before(
    tmp_path: Path,
) -> None:
    experiment = open_experiment(load_config(write_config(tmp_path)))
    first = values(experiment.student())
    experiment.teachers()
    for one, two in zip(first, values(experiment.student()), strict=True):
        assert (one == two).all()


def test_wrong_recipe_is_found_without_a_network(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    config = load_config(path, ["distillation.l2sp_weight=1e6"])
    with pytest.raises(InputError, match="l2sp_weight"):
        open_experiment(config)
    with pytest.raises(InputError, match="Dataset.from_arrays"):
        open_experiment(load_config(path), dict[str, int]())  # type: ignore[arg-type]
    assert isinstance(open_experiment(load_config(path)).dataset, Dataset)


@pytest.mark.parametrize("pattern", ["[]", "[stage3_.*]"])
def test_teacher_that_stays_is_saved_as_trainable_as_it_was(
    tmp_path: Path, pattern: str
) -> None:
    path = write_config(tmp_path, epochs=1)
    changes = [f"teacher.trainable={pattern}", "student.training=null"]
    distill(load_config(path, changes), tmp_path / "run")
    for name in ("teacher", "adapted_teacher", "student"):
        file = tmp_path / "run" / f"{name}.keras"
        model = keras.models.load_model(file, compile=False)
        assert all(layer.trainable for layer in leaf_layers(model)), name
