"""What the tests of `atsc predict` share: the command, models, pictures."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from PIL import Image
from typer.testing import CliRunner

from export.predict_cli import app
from tests.export.models import CLASSES, SHAPE, randomize


def predict(*words: Any) -> tuple[Any, str]:
    """The JSON that the command prints, and its notes."""
    done = CliRunner().invoke(
        app, [*map(str, words), "--json"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), done.stderr


def probabilities(answers: Any) -> np.ndarray:
    """Of all classes, in the order of the labels."""
    found = [sorted(x["classes"], key=lambda c: c["index"]) for x in answers]
    for answer in answers:
        shares = [guess["probability"] for guess in answer["classes"]]
        assert shares == sorted(shares, reverse=True)
    return np.array([[c["probability"] for c in row] for row in found])


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def write_pictures(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir()
    for place, image in enumerate(images):
        grey = image.shape[-1] == 1
        Image.fromarray(image[..., 0] if grey else image).save(
            folder / f"{place:03}.png"
        )
    return folder


def of_end(kind: str) -> keras.Model:
    images = keras.Input(SHAPE)
    x = layers.Flatten()(layers.Rescaling(1 / 255)(images))
    units = {"sigmoid": 1, "two": 2}.get(kind, CLASSES)
    activation = None if kind in ("logits", "two") else kind.split("_")[0]
    x = layers.Dense(units, activation=activation)(x)
    if kind == "sigmoid":
        x = layers.Reshape((1, 1, 1))(x)
    return randomize(keras.Model(images, x), scale=0.1)
