"""A config whose whole run takes seconds."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from atsc_keras.records.run import Run


def write_data(folder: Path, classes: int = 3) -> Path:
    """An npz set of 8x8 images that differ in brightness."""
    random = np.random.default_rng(0)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % classes
        images = random.integers(0, 90, (count, 8, 8, 3))
        return (images + 50 * labels[:, None, None, None]).astype(
            "uint8"
        ), labels

    (x_train, y_train), (x_test, y_test) = split(48), split(24)
    path = folder / "data.npz"
    np.savez(
        path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test
    )
    return path


def write_config(folder: Path, epochs: int = 2, **sections: Any) -> Path:
    """A teacher, the student alone and the distilled student of them."""
    recipe = {
        "epochs": epochs,
        "optimizer": {"learning_rate": 0.05},
        "schedule": {"name": "cosine"},
    }
    config = {
        "data": {
            "source": "npz",
            "path": str(write_data(folder)),
            "batch_size": 16,
            "crop_padding": 1,
        },
        "teacher": {"network": "resnet8x0.25", "training": recipe},
        "student": {"network": "resnet8x0.125", "training": recipe},
        "distillation": {
            "training": recipe,
            "teacher_optimizer": {"learning_rate": 0.01},
        },
        **sections,
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def history(run: Path) -> list[dict[str, Any]]:
    """What the rows of a run's history say, but what it cost."""
    cost = {"seconds", "peak_memory_bytes"}
    return [row.model_dump(exclude=cost) for row in Run(run).history()]


def student_weights(run: Path, name: str = "student") -> list[np.ndarray]:
    """Of a saved network of a run."""
    model = keras.models.load_model(run / f"{name}.keras", compile=False)
    return model.get_weights()
