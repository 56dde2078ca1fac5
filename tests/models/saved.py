"""Saved models for the tests of loading, and changes to them."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np


def tiny() -> keras.Model:
    images = keras.Input((4, 4, 3), name="images")
    x = keras.layers.Conv2D(2, 3, name="conv")(images)
    x = keras.layers.Flatten()(x)
    return keras.Model(images, keras.layers.Dense(3, name="dense")(x))


def save(path: Path) -> Path:
    tiny().save(path)
    return path


def edit(path: Path, change: Callable[[Any], Any], version: str = "") -> Path:
    """Change the config inside a `.keras` file, and who wrote it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    members["config.json"] = json.dumps(change(config) or config).encode()
    if version:
        about = {"keras_version": version}
        members["metadata.json"] = json.dumps(about).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def layer(config: Any, name: str) -> Any:
    """A layer of a serialised functional model."""
    return next(x for x in config["config"]["layers"] if x["name"] == name)


def answers(model: keras.Model) -> np.ndarray:
    shape = (2, *model.inputs[0].shape[1:])
    images = np.random.default_rng(0).uniform(size=shape).astype("float32")
    return keras.ops.convert_to_numpy(model(images))
