"""Config files to load, and to extend."""

from collections.abc import Callable
from pathlib import Path

import pytest

SMALLEST = """
teacher: {network: resnet14x2, training: {epochs: 3}}
student: {network: resnet8}
distillation: {training: {epochs: 2}}
"""
BASE = """
name: base_of_all
seed: 3
data: {source: digits, image_size: 16, mean: [1.0, 2.0, 3.0]}
teacher:
  network: resnet14
  training: &recipe
    epochs: 7
    optimizer: {learning_rate: 0.3, momentum: 0.8, weight_decay: 1e-3}
    schedule: {name: step, milestones: [2, 4], warmup_epochs: 1}
student: {network: resnet8, training: *recipe}
distillation:
  training: *recipe
  teacher_optimizer: {name: adam, learning_rate: 1e-3, clipnorm: 2.0}
methods: {"my_module:MyLoss": {training: *recipe}}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_config(text: str) -> Path:
        path = tmp_path / "digits.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path
