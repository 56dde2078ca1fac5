"""Reference numbers (tests/golden) and the networks that they belong to."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.coupled_sgd import CoupledSGD
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.projector import average_pool
from atsc_keras.models.resnet import resnet_features
from atsc_keras.models.shufflenet import shufflenet_v1_features
from tests.tiny import PUBLISHED

GOLDEN = Path(__file__).parent / "golden"
CLASSES = 10
IMAGE_SHAPE = (32, 32, 3)

Weights = dict[str, np.ndarray]

# Of the largest value. TensorFlow normalises as x * s + (beta - mean * s),
# whose gradient for gamma is a difference of larger sums: 1.06e-4 in one
# tensor, where JAX and torch stay under 8e-6.
GRADIENT_TOLERANCE = 2e-4 if keras.backend.backend() == "tensorflow" else 5e-5


@contextlib.contextmanager
def two_threads() -> Iterator[None]:
    """The order in which torch summed when the numbers were made.

    With one thread a gradient of ShuffleNetV1 is off by 7.7e-5 of the largest.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
    """Two ResNets, at the starting weights of the golden files."""
    student = encoder(8, (6, 8, 10, 14))
    return pair(student, golden("pair_a_start"), **settings)


def pair_b1(**settings: Any) -> ATSC:
    """A ShuffleNet taught by the ResNet of pair a, whose map is larger."""
    images = keras.Input(IMAGE_SHAPE)
    features = shufflenet_v1_features(images, (60, 72, 96), (2, 2, 2))
    student = keras.Model(images, features)
    return pair(student, golden("pair_b1"), **settings)


def pair(student: keras.Model, start: Weights, **settings: Any) -> ATSC:
    """The teacher of the golden files with a student, weights loaded."""
    features = encoder(14, (4, 8, 12, 16))
    teacher = ImageClassifier(
        features, keras.layers.Dense(CLASSES, name="classifier")
    )
    load(variables(features, teacher.classifier), under(start, "init/teacher"))
    load(variables(student), under(start, "init/student"))
    atsc = ATSC(teacher, student, **{**PUBLISHED, **settings})
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


def assert_close(actual: Any, expected: Any, relative: float) -> None:
    """Compare to a share of the largest expected value."""
    actual = ops.convert_to_numpy(actual)
    scale = max(float(np.abs(expected).max()), 1e-3)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=relative * scale)


def is_statistic(name: str) -> bool:
    return name.endswith(("moving_mean", "moving_variance"))


def trainable(
    weights: dict[str, keras.Variable],
) -> dict[str, keras.Variable]:
    return {n: w for n, w in weights.items() if not is_statistic(n)}


def training_outputs(atsc: ATSC, images: np.ndarray) -> dict[str, np.ndarray]:
    """Maps and logits on batch statistics, which are left as they were."""
    before = atsc.get_weights()
    features = atsc.teacher.encoder(images, training=True)
    projected = atsc.student.features(images, training=True)
    outputs = {
        "f_t_used": average_pool(features, projected[0].shape[1:3]),
        "f_s_proj": projected[0],
        "logits_t": atsc.teacher.classify(features, training=True),
        "logits_s": atsc.student.classify(projected),
    }
    arrays = {n: np.array(ops.convert_to_numpy(x)) for n, x in outputs.items()}
    atsc.set_weights(before)
    return arrays


def assert_gradients_close(actual: Weights, expected: Weights) -> None:
    """Compare each to a share of its own size, or of its network's."""
    largest = max(np.abs(value).max() for value in expected.values())
    for name, value in expected.items():
        scale = max(np.abs(value).max(), 1e-3 * largest)
        np.testing.assert_allclose(
            actual[name],
            value,
            rtol=0,
            atol=GRADIENT_TOLERANCE * scale,
            err_msg=name,
        )
