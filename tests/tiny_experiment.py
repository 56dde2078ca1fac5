"""A config whose whole run takes seconds."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml
from keras import layers

from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.network_names import check_network_name
from atsc_keras.models.networks import build_classifier, normalize
from atsc_keras.records.run import Run

# Three stages of one convolution: what a run costs here is a matter of layers.
TINY = {"tiny_teacher": 8, "tiny": 4}
# Other processes know the package's own networks only.
PUBLISHED = ("resnet8x0.25", "resnet8x0.125")


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


def check_name(name: str) -> None:
    """As `check_network_name`, which does not know `TINY`."""
    if name not in TINY:
        check_network_name(name)


def build_tiny_too(
    name: str,
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    mean: Sequence[float],
    std: Sequence[float],
) -> ImageClassifier:
    """As `build_classifier`, which does not know `TINY`."""
    if name not in TINY:
        return build_classifier(name, image_shape, classes, mean=mean, std=std)
    images = keras.Input(image_shape, name="image")
    x = normalize(images, mean, std)
    for stage in (1, 2, 3):
        last = stage == 3
        x = layers.Conv2D(
            stage * TINY[name],
            3,
            strides=1 if stage == 1 else 2,
            padding="same",
            activation=None if last else "relu",
            name=f"stage{stage}_conv",
        )(x)
    x = layers.BatchNormalization(momentum=0.9, name="stage3_bn")(x)
    x = layers.ReLU(name="stage3_relu")(x)
    return ImageClassifier(
        keras.Model(images, x, name=name),
        layers.Dense(classes, name="classifier"),
        name=name,
    )


def write_config(
    folder: Path,
    epochs: int = 2,
    networks: Iterable[str] = TINY,
    **sections: Any,
) -> Path:
    """A teacher, the student alone and the distilled student of them."""
    teacher, student = networks
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
        "teacher": {"network": teacher, "training": recipe},
        "student": {"network": student, "training": recipe},
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
