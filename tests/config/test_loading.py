"""The config file: what is read, and what it comes to."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from atsc_keras.config import (
    DataConfig,
    ExperimentConfig,
    OptimizerConfig,
    ScheduleConfig,
    dump_config,
    load_config,
)
from atsc_keras.errors import InputError
from tests.config.conftest import SMALLEST, Write


def test_smallest_config_has_the_documented_defaults(write: Write) -> None:
    config = load_config(write(SMALLEST))
    assert config.name == "digits"
    assert config.seed == 0
    assert config.data == DataConfig(
        source="digits",
        batch_size=64,
        drop_remainder=False,
        crop_padding=4,
        crop_area=None,
        flip=True,
        augmentations=(),
        augment_on="host",
        evaluation_resize=None,
    )
    assert not config.data.soft_labels
    recipe = config.distillation.training
    assert recipe.optimizer == OptimizerConfig(
        name="sgd", learning_rate=0.05, momentum=0.9, weight_decay=5e-4
    )
    assert recipe.schedule == ScheduleConfig(
        name="step", milestones=(150, 180, 210), factor=0.1, warmup_epochs=0
    )
    assert recipe.jit_compile == "auto"
    assert config.distillation.temperature == 4.0
    assert config.distillation.feature_loss == "normalized_mse"
    assert config.distillation.student_loss_weight == 1.0
    assert config.distillation.logits_loss_weight == 1.0
    assert config.distillation.teacher_rate == 0.01
    assert config.distillation.l2sp_scope == "all"
    assert config.student.training is None


def test_one_teacher_and_a_list_of_one_give_the_same_teachers(
    write: Write,
) -> None:
    one = load_config(write(SMALLEST))
    teacher = "[{network: resnet14x2, training: {epochs: 3}}]"
    several = load_config(write(SMALLEST), [f"teacher={teacher}"])
    assert one.teachers == several.teachers
    assert len(one.teachers) == 1


def test_dumped_config_loads_to_an_equal_one(
    write: Write, tmp_path: Path
) -> None:
    config = load_config(
        write(SMALLEST),
        [
            # Text that YAML would take for a number, and Chinese.
            "name='1e5'",
            "student.network='学生: #1'",
            "teacher=[{network: a, weights: 'no'}, {network: b, weights: w}]",
            "data.mean=[1, 2.5, 1e-7]",
            "distillation.training.optimizer={name: adam, clipnorm: 1}",
            "distillation.training.schedule={name: cosine, warmup_epochs: 1}",
            "distillation.teacher_optimizer.learning_rate=5e-4",
            "data.crop_area=[0.25, 1]",
            "data.image_size=16",
            "data.evaluation_resize=18",
            "data.augmentations=[{name: mixup, alpha: 0.2}, {name: cutmix}]",
        ],
    )
    path = tmp_path / "resolved.yaml"
    path.write_text(dump_config(config), encoding="utf-8")
    assert load_config(path) == config
    text = dump_config(config)
    before = text.split("teacher_optimizer")[0]
    assert not re.search(r"\bmomentum: ", before)
    assert "crop_area:" in text and "crop_padding: " not in text
    assert "alpha: " in text and "magnitude: " not in text
    assert config.data.soft_labels


def test_exponent_without_a_dot_is_a_number(write: Write) -> None:
    path = write(SMALLEST)
    key = "distillation.training.optimizer.weight_decay"
    config = load_config(path, [f"{key}=5e-4"])
    assert config.distillation.training.optimizer.weight_decay == 0.0005


def test_anchor_is_copied_so_an_override_changes_one_place(
    write: Write,
) -> None:
    path = write(
        "teacher: {network: a, training: &recipe {epochs: 3}}\n"
        "student: {network: b, training: {<<: *recipe, jit_compile: true}}\n"
        "distillation: {training: *recipe}\n"
    )
    config = load_config(path, ["teacher.training.epochs=7"])
    assert config.teachers[0].training is not None
    assert config.teachers[0].training.epochs == 7
    assert config.distillation.training.epochs == 3
    assert config.student.training is not None
    assert config.student.training.epochs == 3
    assert config.student.training.jit_compile is True


def test_override_reaches_into_lists_and_makes_missing_sections(
    write: Write,
) -> None:
    path = write(SMALLEST)
    config = load_config(
        path,
        [
            "teacher=[{network: a, weights: w}, {network: b, weights: w}]",
            "teacher.1.network=c",
            "distillation.classifier_optimizer.name=adamw",
            "data.image_size=32",
            "data.image_size=null",
        ],
    )
    assert [teacher.network for teacher in config.teachers] == ["a", "c"]
    assert config.distillation.classifier_optimizer is not None
    assert config.distillation.classifier_optimizer.name == "adamw"
    assert config.data.image_size is None


def test_configs_are_frozen(write: Write) -> None:
    config = load_config(write(SMALLEST))
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3
    assert isinstance(config, ExperimentConfig)


def test_config_imports_no_framework() -> None:
    code = (
        "import sys; import atsc_keras.config;"
        "heavy = {'numpy', 'keras', 'tensorflow', 'jax', 'torch'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_reduction_is_chosen_unless_it_is_said(write: Write) -> None:
    path = write(SMALLEST)
    distillation = load_config(path).distillation
    assert distillation.reduction == "auto"
    assert distillation.projector_parameters is None
    said = load_config(path, ["distillation.reduction=8"]).distillation
    assert said.reduction == 8
    budget = "distillation.projector_parameters=5000"
    chosen = load_config(path, [budget]).distillation
    assert (chosen.reduction, chosen.projector_parameters) == ("auto", 5000)
    again = load_config(path, [budget, "distillation.reduction=auto"])
    assert again.distillation == chosen
    assert load_config(write(dump_config(again))) == again
    with pytest.raises(InputError) as caught:
        load_config(write(SMALLEST), [budget, "distillation.reduction=8"])
    assert str(caught.value).endswith(
        "has 1 mistake:\n  distillation.projector_parameters: chooses "
        "reduction itself, which is 8 already. Received: "
        "projector_parameters=5000. Say reduction: auto, or leave "
        "projector_parameters out."
    )
