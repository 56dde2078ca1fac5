"""Models, pixels and the command line for the tests of the exporter."""

import os
import signal
import subprocess
import sys
import warnings
from typing import Any
from unittest import mock

import keras
import numpy as np
from keras import layers
from typer.testing import CliRunner

from atsc_keras.errors import InputError
from atsc_keras.records.exports import (
    Artifact,
    ExportedModel,
    ExportReport,
    KerasFile,
    Timing,
)
from export.cli import app

SHAPE = (12, 12, 3)
CLASSES = 5
NAMES = ["ant", "bee", "cat", "dog", "elk"]


def randomize(model: keras.Model, scale: float = 0.5) -> keras.Model:
    """Give every weight and statistic a value of its own."""
    random = np.random.default_rng(0)
    model.set_weights(
        [
            (
                np.abs(random.normal(size=weight.shape)) + 0.1
                if "variance" in weight.path
                else random.normal(size=weight.shape, scale=scale)
            ).astype(weight.dtype)
            for weight in model.weights
        ]
    )
    return model


def student() -> keras.Model:
    """The layout of a distilled student: nested encoder, projector, head."""
    images = keras.Input(SHAPE, name="image")
    x = layers.Rescaling(1 / 127.5, offset=[-1.0, -0.9, -1.1])(images)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    shortcut = x = layers.ReLU()(x)
    x = layers.Conv2D(8, 3, padding="same")(x)
    x = layers.ReLU()(layers.Add()([x, shortcut]))
    encoder = keras.Model(images, x, name="encoder")
    features = keras.Input(encoder.output_shape[1:])
    x = layers.AveragePooling2D(2)(features)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(6, 1)(x)))
    projector = keras.Model(features, x, name="projector")
    mapped = keras.Input(projector.output_shape[1:])
    pooled = layers.GlobalAveragePooling2D()(mapped)
    head = keras.Model(mapped, layers.Dense(CLASSES)(pooled), name="head")
    images = keras.Input(SHAPE, name="image")
    return randomize(keras.Model(images, head(projector(encoder(images)))))


def pixels(count: int = 7, seed: int = 1) -> np.ndarray:
    """uint8 images."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, *SHAPE)).astype("uint8")


def logits_of(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """By Keras, in one batch."""
    return keras.ops.convert_to_numpy(model(images.astype("float32")))


def clear_images(model: keras.Model, count: int) -> np.ndarray:
    """Those of many images whose two best classes lie furthest apart."""
    images = pixels(20 * count)
    best = np.sort(logits_of(model, images))
    margins = best[:, -1] - best[:, -2]
    return images[np.argsort(margins)[-count:]]


def call_export(*arguments: Any) -> subprocess.CompletedProcess:
    """What the command line does, in this process."""
    words = [*map(str, arguments)]
    before = signal.getsignal(signal.SIGTERM)
    with mock.patch.dict(os.environ), warnings.catch_warnings():
        try:
            done = CliRunner().invoke(app, words)
        finally:
            signal.signal(signal.SIGTERM, before)
    out, said, status = done.stdout, done.stderr, done.exit_code
    if isinstance(done.exception, InputError):  # as `main` says it
        said, status = f"{said}Error: {done.exception}\n", 2
    elif done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(words, status, out, said)


def run_export(*arguments: Any) -> subprocess.CompletedProcess:
    """Run the command line under a backend that must not matter."""
    return subprocess.run(
        [sys.executable, "-m", "export", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )


def export_report() -> ExportReport:
    """What an export says of two models, each with a rejected file."""
    timed = Timing(min_ms=0.51234, median_ms=12.34, runs=9)
    latency = {"1": timed, "32": timed}
    good = Artifact(
        format="onnx",
        precision="float32",
        pixels="float32",
        path="s.onnx",
        runtime="onnxruntime",
        bytes=2_345_678,
        accepted=True,
        max_difference=2.9e-6,
        mean_difference=1e-7,
        top1_agreement=1.0,
        accuracy=0.5,
        latency=latency,
    )
    bad = Artifact(
        format="tflite",
        precision="int8",
        pixels="float32",
        path="s.tflite",
        runtime="ai_edge_litert",
        bytes=0,
        accepted=False,
        reason="not written: layer x",
    )
    model = ExportedModel(
        name="s",
        file="s.keras",
        parameters=13_720,
        multiply_adds=6_590_000,
        input_shape=SHAPE,
        classes=CLASSES,
        keras=KerasFile(bytes=900, accuracy=0.5, latency=latency),
        artifacts=(good, bad),
    )
    other = model.model_copy(update={"name": "t", "multiply_adds": None})
    return ExportReport(
        accepted=False,
        keras_version="3",
        tolerance=1e-4,
        threads=2,
        images={"random": 16, "real": 500},
        calibration_images=0,
        models=(model, other),
        seconds=1.5,
    )
