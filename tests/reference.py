"""Reference numbers (tests/golden) and the networks that they belong to."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.coupled_sgd import CoupledSGD
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.resnet import resnet_features

GOLDEN = Path(__file__).parent / "golden"
CLASSES = 10
IMAGE_SHAPE = (32, 32, 3)

Weights = dict[str, np.ndarray]


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


def under(arrays: Weights, prefix: str) -> Weights:
    """The arrays whose key begins with `prefix/`, without it."""
    return {
        key.removeprefix(f"{prefix}/"): value
        for key, value in arrays.items()
        if key.startswith(f"{prefix}/")
    }


def encoder(depth: int, widths: tuple[int, ...]) -> keras.Model:
    images = keras.Input(IMAGE_SHAPE)
    return keras.Model(images, resnet_features(images, depth, widths))


def variables(*models: Any) -> dict[str, keras.Variable]:
    """Weights by layer and kind, as the golden files name them."""
    return {
        f"{layer.name}/{weight.name}": weight
        for model in models
        for layer in getattr(model, "layers", [model])
        for weight in layer.weights
    }


def load(target: dict[str, keras.Variable], values: Weights) -> None:
    if target.keys() != values.keys():
        raise ValueError(f"differ: {sorted(target.keys() ^ values.keys())}")
    for name, variable in target.items():
        variable.assign(values[name])


def pair_a(**settings: Any) -> ATSC:
    """The small pair of the golden files, at its starting weights."""
    start = golden("pair_a_start")
    features = encoder(14, (4, 8, 12, 16))
    teacher = ImageClassifier(
        features, keras.layers.Dense(CLASSES, name="classifier")
    )
    load(variables(features, teacher.classifier), under(start, "init/teacher"))
    student = encoder(8, (6, 8, 10, 14))
    load(variables(student), under(start, "init/student"))
    atsc = ATSC(teacher, student, **settings)
    load(variables(atsc.student.projectors[0]), under(start, "init/projector"))
    return atsc


def pair_a_sgd(learning_rate: float = 0.05) -> CoupledSGD:
    return CoupledSGD(learning_rate, momentum=0.9, weight_decay=5e-4)


def pair_a_batch(step: int | str) -> tuple[np.ndarray, np.ndarray]:
    start = golden("pair_a_start")
    return start[f"x/{step}"], start[f"y/{step}"]


def roles(atsc: ATSC) -> dict[str, dict[str, keras.Variable]]:
    """Every weight of the method, by role and golden name."""
    return {
        "teacher": variables(atsc.teacher.encoder, atsc.teacher.classifier),
        "student": variables(atsc.student.encoder),
        "projector": variables(atsc.student.projectors[0]),
    }


def values(weights: dict[str, keras.Variable]) -> Weights:
    return {
        name: np.array(keras.ops.convert_to_numpy(weight.value))
        for name, weight in weights.items()
    }
