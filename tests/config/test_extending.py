"""`extends`: what is merged, and what is replaced."""

from pathlib import Path
from typing import Any

import pytest

from atsc_keras.config import config_digest, dump_config, load_config
from atsc_keras.config.shipped import find_config, shipped_configs
from atsc_keras.errors import InputError
from tests.config.conftest import BASE


def _load(folder: Path, text: str, *overrides: str) -> Any:
    path = folder / "child.yaml"
    path.write_text(f"extends: base.yaml\n{text}")
    return load_config(path, overrides)


def test_mappings_merge_deep_and_the_extending_file_wins(folder: Path) -> None:
    config = _load(
        folder,
        "data: {mean: [5.0]}\n"
        "student: {training: {optimizer: {learning_rate: 0.1}}}\n",
    )
    assert config.seed == 3
    assert config.data.image_size == 16
    assert config.data.mean == (5.0,)  # a list replaces
    changed = config.student.training.optimizer
    assert (changed.learning_rate, changed.momentum) == (0.1, 0.8)
    assert config.student.training.epochs == 7
    # An anchor of the base is a copy at each of its places.
    assert config.teachers[0].training.optimizer.learning_rate == 0.3


def test_experiment_has_the_name_of_the_extending_file(folder: Path) -> None:
    assert load_config(folder / "base.yaml").name == "base_of_all"
    assert _load(folder, "").name == "child"
    assert _load(folder, "name: other\n").name == "other"


def test_chain_is_read_from_its_end_and_paths_are_of_their_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "middle.yaml").write_text(
        "extends: ../base.yaml\nname: middle\nseed: 4\ndata: {classes: 5}\n"
    )
    path = folder / "last.yaml"
    path.write_text("extends: deep/middle.yaml\ndata: {classes: 6}\n")
    monkeypatch.chdir(folder / "deep")
    config = load_config(path)
    assert (config.name, config.seed) == ("last", 4)
    assert (config.data.classes, config.data.image_size) == (6, 16)


@pytest.mark.parametrize(
    "name", [f"digits_resnet14_resnet8x0.125{end}" for end in ("", ".yaml")]
)
def test_shipped_config_is_extended_from_any_folder(
    tmp_path: Path, name: str
) -> None:
    shipped = load_config("digits_resnet14_resnet8x0.125")
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: {name}\nseed: 5\n")
    config = load_config(path)
    assert config == shipped.model_copy(update={"name": "mine", "seed": 5})
    # What lies beside the file comes first; a folder is no config.
    (tmp_path / name).mkdir()
    assert load_config(path) == config
    (tmp_path / name).rmdir()
    (tmp_path / name).write_text(BASE)
    assert load_config(path).data.image_size == 16
    assert load_config(path).student.network == "resnet8"


def test_section_of_another_kind_replaces(folder: Path) -> None:
    config = _load(
        folder,
        "student: {training: {schedule: {name: cosine}}}\n"
        "distillation:\n"
        "  training: {optimizer: {name: adamw}}\n"
        "  teacher_optimizer: {name: sgd}\n"
        "methods: {'my_module:MyLoss': {training: {optimizer: {name: adam}}}}",
    )
    schedule = config.student.training.schedule
    assert (schedule.name, schedule.warmup_epochs) == ("cosine", 0)
    moved = config.distillation.training.optimizer
    assert moved.model_dump() == {
        **{"name": "adamw", "learning_rate": 0.05, "weight_decay": 5e-4},
        **{"clipnorm": None, "global_clipnorm": None},
        "gradient_accumulation_steps": 1,
    }
    assert config.distillation.teacher_optimizer.clipnorm is None
    assert config.distillation.training.epochs == 7
    own = config.methods.of("my_module:MyLoss").training
    assert (own.optimizer.learning_rate, own.epochs) == (0.05, 7)


def test_section_of_the_same_kind_merges(folder: Path) -> None:
    """Also where one of the files leaves the kind to the default."""
    config = _load(
        folder,
        "distillation:\n"
        "  training: {optimizer: {name: sgd, nesterov: true}}\n"
        "  teacher_optimizer: {learning_rate: 2e-3}\n",
    )
    optimizer = config.distillation.training.optimizer
    assert (optimizer.learning_rate, optimizer.momentum) == (0.3, 0.8)
    teacher = config.distillation.teacher_optimizer
    assert (teacher.name, teacher.clipnorm) == ("adam", 2.0)
    assert teacher.learning_rate == 2e-3


def test_another_source_leaves_what_belongs_to_the_old_one(
    folder: Path,
) -> None:
    (folder / "tfds.yaml").write_text(
        "extends: base.yaml\ndata: {source: tfds, name: mnist, path: here}\n"
    )
    path = folder / "own.yaml"
    path.write_text("extends: tfds.yaml\ndata: {source: npz, path: a.npz}\n")
    data = load_config(path).data
    assert (data.source, data.name, data.path) == ("npz", None, "a.npz")
    assert (data.image_size, data.mean) == (16, (1.0, 2.0, 3.0))
    path.write_text("extends: tfds.yaml\ndata: {name: cifar10}\n")
    data = load_config(path).data
    assert (data.source, data.name, data.path) == ("tfds", "cifar10", "here")


def test_null_takes_a_section_back(folder: Path) -> None:
    config = _load(
        folder,
        "student: {training: null}\n"
        "distillation: {teacher_optimizer: null}\n"
        "data: {mean: }\n",
    )
    assert config.student.training is None
    assert config.distillation.teacher_optimizer is None
    assert config.data.mean is None
    (folder / "none.yaml").write_text("extends: base.yaml\nmethods: null\n")
    path = folder / "again.yaml"
    path.write_text("extends: none.yaml\nmethods: {kd: {temperature: 2.0}}\n")
    assert load_config(path).methods.of("kd").temperature == 2.0


def test_list_of_teachers_replaces_one_and_one_replaces_a_list(
    folder: Path,
) -> None:
    config = _load(folder, "teacher: [{network: a, weights: w}]\n")
    assert [(t.network, t.training) for t in config.teachers] == [("a", None)]
    (folder / "two.yaml").write_text(
        "extends: base.yaml\nteacher: [{network: a, weights: w}]\n"
    )
    path = folder / "one.yaml"
    path.write_text("extends: two.yaml\nteacher: {network: b, weights: v}\n")
    assert [x.network for x in load_config(path).teachers] == ["b"]


def test_overrides_change_what_was_merged(folder: Path) -> None:
    config = _load(
        folder,
        "seed: 4\n",
        "seed=5",
        "student.training.epochs=1",
        "data.classes=2",
    )
    assert (config.seed, config.data.classes) == (5, 2)
    assert config.student.training.epochs == 1
    assert config.student.training.optimizer.momentum == 0.8
    assert config.teachers[0].training.epochs == 7


def test_override_of_a_kind_leaves_out_what_was_of_the_old_one(
    folder: Path,
) -> None:
    key = "student.training.optimizer"
    changed = _load(folder, "", f"{key}.name=adam").student.training.optimizer
    before = _load(folder, "").student.training.optimizer
    assert (before.name, before.momentum) == ("sgd", 0.8)
    assert changed.name == "adam" and "momentum" not in changed.model_dump()
    assert changed.learning_rate == before.learning_rate
    for word in ("sgd", '"sgd"'):
        same = _load(folder, "", f"{key}.name={word}")
        assert same.student.training.optimizer == before
    # In either order, what is said of the new kind is checked as ever.
    for words in (
        [".name=adam", ".momentum=0.5"],
        [".momentum=0.5", ".name=adam"],
    ):
        with pytest.raises(InputError, match="momentum: is only for name: sgd"):
            _load(folder, "", *(f"{key}{word}" for word in words))


def test_override_of_the_source_leaves_out_path_and_name(folder: Path) -> None:
    own = "data: {source: tfds, name: mnist, batch_size: 8}\n"
    data = _load(folder, own, "data.source=npz", "data.path=x.npz").data
    assert (data.source, data.name, data.path) == ("npz", None, "x.npz")
    assert data.batch_size == 8
    assert _load(folder, own, "data.source=digits").data.name is None


def test_resolved_config_loads_alone_and_has_the_digest_of_one_file(
    folder: Path, tmp_path: Path
) -> None:
    config = _load(folder, "name: one\nseed: 8\n")
    text = dump_config(config)
    assert "extends" not in text
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "config.yaml"
    alone.write_text(text)
    assert load_config(alone) == config
    alone.write_text(
        BASE.replace("base_of_all", "one").replace("seed: 3", "seed: 8")
    )
    assert config_digest(load_config(alone)) == config_digest(config)


def test_what_is_common_is_found_but_is_no_experiment() -> None:
    path = find_config("common/cifar100")
    assert path == find_config("common/cifar100.yaml")
    assert path.parent.name == "common"
    assert not [name for name in shipped_configs() if "common" in name]
    assert "cifar100" not in shipped_configs()
