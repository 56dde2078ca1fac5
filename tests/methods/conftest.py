"""Given outputs of two networks, and what a loss makes of them."""

from typing import Any

import keras
import numpy as np
from keras import ops

from atsc_keras.distillation.transfer_loss import Outputs, TransferLoss
from tests.tiny import CLASSES, tiny_teacher

IMAGES = 4
LABELS = np.array([0, 2, 2, 1])
TOLERANCE = {"rtol": 2e-5, "atol": 1e-6}


def made(seed: int, sizes: list[int], channels: list[int]) -> Outputs:
    """Outputs of a network whose values mean nothing."""
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> Any:
        return random.normal(size=(IMAGES, *shape)).astype("float32")

    maps = [
        np.maximum(draw(side, side, width), 0)
        for side, width in zip(sizes, channels, strict=True)
    ]
    embedding = maps[-1].mean(axis=(1, 2))
    return Outputs(maps, embedding, draw(CLASSES))


TEACHER = made(0, [4, 2], [6, 8])
STUDENT = made(1, [8, 4, 2], [3, 4, 5])


def prepared(loss: TransferLoss) -> TransferLoss:
    symbolic = (
        Outputs(
            [keras.Input(x.shape[1:]) for x in outputs.maps],
            keras.Input(outputs.embedding.shape[1:]),
            keras.Input((CLASSES,)),
        )
        for outputs in (TEACHER, STUDENT)
    )
    loss.prepare(*symbolic, tiny_teacher(8))
    return loss


def computed(loss: TransferLoss) -> np.ndarray:
    tensors = (
        Outputs(
            [ops.convert_to_tensor(x) for x in outputs.maps],
            ops.convert_to_tensor(outputs.embedding),
            ops.convert_to_tensor(outputs.logits),
        )
        for outputs in (TEACHER, STUDENT)
    )
    labels = ops.convert_to_tensor(LABELS, "int32")
    value = loss.compute_loss(*tensors, labels)
    return np.array(ops.convert_to_numpy(ops.stop_gradient(value)))


def pooled(x: np.ndarray, side: int) -> np.ndarray:
    count, height, _, channels = x.shape
    window = height // side
    shape = (count, side, window, side, window, channels)
    return x.reshape(shape).mean(axis=(2, 4))


def image_mean(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).mean(axis=1)


def softmax(x: np.ndarray) -> np.ndarray:
    power = np.exp(x - x.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)
