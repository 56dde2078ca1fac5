"""Which models of which libraries each format has: a table, by a command.

    KERAS_BACKEND=tensorflow python -m tools.export_table [NAME ...]

Builds each model, gives its batch normalisation the statistics of random
pictures, saves it, exports it in every format and precision as `python -m
export` does, and prints a row. NAME: only models whose names contain one.
"""

import os
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from atsc_keras.records.exports import Artifact
from export import FORMATS, ExportJob, Variant
from export.exporting import export
from export.formats import variants
from export.formats.base import PIXELS, PRECISIONS
from export.verification import random_images
from tools.split_table import models

WANTED = (
    *("/MobileNet", "/MobileNetV2", "/MobileNetV3Small", "/EfficientNetB0"),
    *("/EfficientNetV2B0", "/ResNet50", "/ResNet50V2", "/DenseNet121"),
    *("/InceptionV3", "/NASNetMobile", "/ConvNeXtTiny", "/VGG16"),
)
SPREAD = 3.0  # of a logit over images, about that of a trained network
COLUMNS = variants([*FORMATS], PRECISIONS, PIXELS[:1])


def settle(model: keras.Model, images: np.ndarray) -> None:
    """Make of random weights a network whose logits tell images apart."""
    leaves = [layer for layer in model._flatten_layers() if layer is not model]
    normal = [
        x for x in leaves if isinstance(x, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in normal]
    for layer in normal:
        layer.momentum = 0.0
    model(images, training=True)
    for layer, momentum in zip(normal, momenta, strict=True):
        layer.momentum = momentum
    head = next(x for x in reversed(leaves) if x.weights)
    spread = _logits(model, images).std(axis=0).mean()
    kernel, *bias = head.get_weights()
    head.set_weights([kernel * SPREAD / spread, *bias])


def _logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Log of a softmax at the end, where there is one."""
    outputs = model.predict(images, verbose=0).astype("float64")
    ends = np.allclose(outputs.sum(axis=1), 1, atol=1e-3)
    logits = np.log(outputs + 1e-30) if ends else outputs
    centred: np.ndarray = logits - logits.mean(axis=1, keepdims=True)
    return centred


def cell(artifact: Artifact, largest: float) -> str:
    """Largest difference, as a share of the largest logit; or why not."""
    difference = artifact.max_difference
    # What int8 makes of top-1 says nothing where weights are random.
    counts = artifact.accepted or artifact.precision != "float32"
    if difference is not None and counts:
        return f"{difference / largest:.0e}"
    return str(artifact.reason)


def row(model: keras.Model, side: int, folder: Path) -> list[str]:
    random = np.random.default_rng(0)
    # Blocks of one colour: pictures of noise look all the same.
    small = random.integers(0, 256, (160, 4, 4, 3)).astype("uint8")
    images = small.repeat(side // 4 + 1, 1).repeat(side // 4 + 1, 2)
    images = images[:, :side, :side]
    noise = random_images((side, side, 3))
    mixed = np.concatenate([images[:32], noise]).astype("float32")
    settle(model, mixed)
    largest = float(np.abs(_logits(model, mixed)).max())
    model.save(folder / "m.keras")
    np.savez(folder / "data.npz", x_train=images[:60], x_test=images[60:])
    report = export(
        ExportJob(
            folder / "m.keras",
            folder / "out",
            variants=COLUMNS,
            data=folder / "data.npz",
            # A network of random weights makes the most of each rounding.
            tolerance=1e-4 * largest,
        )
    )
    (entry,) = report.models
    onnx = next(
        artifact.operations.transposes
        for artifact in entry.artifacts
        if artifact.format == "onnx" and artifact.operations
    )
    cells = [cell(artifact, largest) for artifact in entry.artifacts]
    return [f"{entry.parameters:,}", *cells, str(onnx)]


def title(variant: Variant) -> str:
    return f"{variant.format} {variant.precision}"


def main(wanted: list[str]) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    heading = ["model", "parameters", *map(title, COLUMNS), "Transposes"]
    print(f"| {' | '.join(heading)} |")
    print(f"|---{'|---:' * (len(heading) - 1)}|", flush=True)
    for name, side, build in models():
        if wanted:
            asked = any(word in name for word in wanted)
        else:
            asked = name.startswith("keras.applications") and any(
                name.endswith(word) for word in WANTED
            )
        if not asked:
            continue
        keras.utils.set_random_seed(0)
        try:
            with tempfile.TemporaryDirectory() as folder:
                cells = row(build(side), side, Path(folder))
        except Exception as error:
            cells = [f"{type(error).__name__}: {error}"]
        print(f"| {' | '.join([name, *cells])} |", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main(sys.argv[1:])
