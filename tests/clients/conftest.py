"""Exported models, and the JavaScript that runs them, once for all tests.

What npm gives is kept in `.pytest_cache/clients`, so that it is fetched once.
"""

import contextlib
import fcntl
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from onnx import TensorProto

from atsc_keras.errors import InputError
from export.demo_page import write_demo_page
from export.web_runtime import MODULE, PACKAGE, WASM, read_web_runtime
from tests.export.models import call_export
from tests.export.tiny_onnx import CLASSES, NAMES, write_linear_onnx
from tests.export.tiny_onnx import logits as linear_logits
from tools.browser import Page, browser, find_chromium

CACHE = Path(__file__).parents[2] / ".pytest_cache" / "clients"
NODE_PACKAGE = "onnxruntime-node@1.30.0"
KINDS = ("grey", "colour", "uint8")
SHORT_SIDE = 9  # of pictures before "uint8" gets the centre of 6 x 4 pixels


@dataclass(frozen=True)
class Exported:
    """An ONNX file and what it must compute.

    Attributes:
        file: `.onnx`.
        images: uint8 `(N, H, W, C)`.
        logits: of Keras, or by hand, `(N, classes)`.
    """

    file: Path
    images: np.ndarray
    logits: np.ndarray

    def name(self, index: int) -> str:
        """The class that must come first for an image."""
        return NAMES[int(self.logits[index].argmax())]

    def share(self, index: int) -> float:
        """The softmax of that class."""
        powers = np.exp(self.logits[index] - self.logits[index].max())
        return float(powers.max() / powers.sum())


def _images(shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.default_rng(2)
    return random.integers(0, 256, (8, *shape)).astype("uint8")


def _network(shape: tuple[int, ...]) -> keras.Model:
    """Small, with logits that tell the images of `_images` apart."""
    keras.utils.set_random_seed(0)
    images = keras.Input(shape, name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    spread = keras.initializers.RandomNormal(stddev=0.3)
    x = layers.Dense(CLASSES, kernel_initializer=spread)(layers.Flatten()(x))
    return keras.Model(images, x)


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Exported]:
    """A model by the exporter's command; "uint8" is written by hand."""
    made: dict[str, Exported] = {}

    def make(kind: str) -> Exported:
        folder = tmp_path_factory.mktemp(kind)
        if kind == "uint8":
            images = _images((6, 4, 3))
            file = write_linear_onnx(
                folder / "student.onnx",
                kind=TensorProto.UINT8,
                labels=NAMES,
                short_side=SHORT_SIDE,
            )
            return Exported(file, images, linear_logits(images))
        # Neither is square: height and width must not be mistaken.
        images = _images((8, 9, 1) if kind == "grey" else (12, 10, 3))
        model = _network(images.shape[1:])
        model.save(folder / "student.keras")
        (folder / "names.json").write_text(json.dumps(NAMES))
        done = call_export(
            *(folder / "student.keras", "--out", folder / "out"),
            *("--formats", "onnx", "--class-names", folder / "names.json"),
        )
        assert done.returncode == 0, done.stderr
        logits = model(images.astype("float32"), training=False)
        return Exported(
            folder / "out" / "student.onnx",
            images,
            keras.ops.convert_to_numpy(logits),
        )

    def get(kind: str) -> Exported:
        if kind not in made:
            made[kind] = make(kind)
        return made[kind]

    return get


def _npm() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: apt-get install npm")


@contextlib.contextmanager
def _filled(name: str) -> Iterator[tuple[Path, Path | None]]:
    """A folder of the cache, and where to fill it if it is not there yet.

    Only one process fills it, and only when it is whole it has its name.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / name
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            yield folder, None
            return
        with tempfile.TemporaryDirectory(dir=CACHE) as beside:
            inner = Path(beside) / name
            inner.mkdir()
            yield folder, inner
            inner.rename(folder)


@pytest.fixture(scope="session")
def web_runtime() -> Path:
    """The folder with onnxruntime-web's files."""
    _npm()
    with _filled(PACKAGE) as (folder, empty):
        if empty is not None:
            try:
                fetched = read_web_runtime()
            except InputError as error:
                pytest.skip(str(error))
            (empty / MODULE).write_bytes(fetched.module)
            (empty / WASM).write_bytes(fetched.wasm)
    return folder


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """A folder where onnxruntime-node is installed."""
    _npm()
    command = ["npm", "install", "--ignore-scripts", "--no-audit"]
    with _filled(NODE_PACKAGE) as (folder, empty):
        if empty is not None:
            done = subprocess.run(
                [*command, "--no-fund", "--prefix", empty, NODE_PACKAGE],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                pytest.skip(f"npm cannot install {NODE_PACKAGE}: {done.stderr}")
    return folder


@pytest.fixture(scope="session")
def demo_page(
    exported: Callable[[str], Exported],
    web_runtime: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Path]:
    """A demo page of a model, with its images as samples."""
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            model = exported(kind)
            folder = tmp_path_factory.mktemp("page") / kind
            write_demo_page(
                folder,
                model.file,
                class_names=None,
                images=model.images,
                runtime=web_runtime,
            )
            made[kind] = folder
        return made[kind]

    return get


@pytest.fixture(scope="session")
def chromium() -> Iterator[Page]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with browser(executable) as page:
        yield page
