"""A folder with a web page that runs an exported model in the browser."""

import base64
import gzip
import io
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atsc_keras.errors import InputError, first_line
from atsc_keras.files.whole import (
    check_nothing_else,
    folder_written_whole,
    restore,
)

from .formats.base import INPUT, OUTPUT, PIXELS
from .formats.onnx import ONNX
from .web_runtime import (
    LICENCES,
    WebRuntime,
    licence_files,
    read_web_runtime,
)

SAMPLES = 12
_TEMPLATES = Path(__file__).parent / "demo_page_files"
_PAGE = ("index.html", "page.css", "page.js")
_DATA = ("model.js", "runtime.js")
_LICENCES = "licences"
_FILES = (
    *(*_PAGE, *_DATA),
    *(f"{_LICENCES}/onnxruntime-{Path(name).stem}.txt" for name in LICENCES),
)
_MARK = 'name="generator" content="atsc_keras demo page"'


@dataclass(frozen=True)
class _Model:
    """What the page has to know of an ONNX file.

    Attributes:
        shape: `(height, width, channels)` of the input.
        dtype: "float32" or "uint8".
        classes: or None where the file does not say.
        class_names: that the file carries, or None.
        short_side: to which a picture is resized before the centre is cut out,
            or None: without a cut.
    """

    shape: tuple[int, ...]
    dtype: str
    classes: int | None
    class_names: list[str] | None
    short_side: int | None


def write_demo_page(
    folder: Path,
    model: Path,
    *,
    class_names: list[str] | None,
    images: np.ndarray | None,
    runtime: Path | None = None,
) -> None:
    """Write a page that classifies pictures in the browser, offline.

    The folder holds all that the page needs. It works from any static server,
    such as `python -m http.server`, and opened as a file.

    Args:
        folder: to make, complete or not at all. An earlier demo page there is
            replaced; any other content is refused.
        model: an ONNX file by this exporter: input `image` `(batch, height,
            width, channels)`, 1 or 3 channels, float32 or uint8 pixels in
            [0, 255]; output `logits` `(batch, classes)`.
        class_names: one for each class; None: those in the file, else numbers.
        images: `(N, H, W, C)` in [0, 255], of the model's size; the first 12
            are shown as samples, rounded to whole numbers. None: no samples.
        runtime: the folder `dist` of onnxruntime-web; default: fetched with
            npm.

    Raises:
        InputError: if model, names, images, runtime or folder cannot be used.
    """
    folder, model = Path(folder).resolve(), Path(model)
    check_page_folder(folder)
    described = _read_model(model)
    data = {
        "name": model.stem,
        "bytes": model.stat().st_size,
        "input": {
            "type": described.dtype,
            **dict(
                zip(
                    ("height", "width", "channels"),
                    described.shape,
                    strict=True,
                )
            ),
            "shortSide": described.short_side,
        },
        "classes": described.classes,
        "classNames": _names(class_names, described),
        "samples": _samples(images, described.shape),
        "model": _base64(model.read_bytes()),
    }
    web_runtime = read_web_runtime(runtime)
    with folder_written_whole(folder, "--demo-page", _FILES) as beside:
        _fill(beside, data, web_runtime)


def _fill(folder: Path, data: dict[str, Any], runtime: WebRuntime) -> None:
    for name in _PAGE:
        shutil.copyfile(_TEMPLATES / name, folder / name)
    packed = {
        "module": _base64(gzip.compress(runtime.module, mtime=0)),
        "wasm": _base64(gzip.compress(runtime.wasm, mtime=0)),
    }
    # Scripts, for a page that is opened as a file cannot read other files.
    for script, variable, value in (
        ("model.js", "DEMO", data),
        ("runtime.js", "RUNTIME", packed),
    ):
        text = f"globalThis.{variable} = {json.dumps(value)};\n"
        (folder / script).write_text(text, "utf-8")
    (folder / _LICENCES).mkdir()
    for path in licence_files():
        copy = folder / _LICENCES / f"onnxruntime-{path.stem}.txt"
        shutil.copyfile(path, copy)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def check_page_folder(folder: Path) -> None:
    """See that a demo page may be made in a folder.

    Raises:
        InputError: if it holds anything else.
    """
    restore(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(
            "The demo page must be a folder. "
            f"Received: {folder}, which is a file. Name another."
        )
    around = Path.cwd().is_relative_to(folder)
    names = {p.name for p in folder.iterdir()} if folder.exists() else set()
    if not around and not names:
        return
    if not around and _is_a_page(folder):
        check_nothing_else(folder, _FILES, "--demo-page")
        return
    raise InputError(
        "The demo page's folder must be new, empty, or an earlier demo page. "
        f"Received: {folder}, which holds other files. Name another folder."
    )


def _is_a_page(folder: Path) -> bool:
    page = folder / "index.html"
    return page.is_file() and _MARK in page.read_text("utf-8", errors="replace")


def _read_model(path: Path) -> _Model:
    import onnx  # not installed by those who write no ONNX file

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except OSError as error:
        raise InputError(
            "The demo page needs an ONNX file. "
            f"Received: {path} ({error.strerror}). Check the path."
        ) from error
    except Exception as error:  # protobuf's own, which is no ValueError
        raise _refusal(path, "which is no ONNX file or cut short") from error
    external = onnx.TensorProto.EXTERNAL
    if any(tensor.data_location == external for tensor in graph.initializer):
        raise _refusal(path, "whose weights are in another file")
    try:
        opened = ONNX().open(path, threads=1)
    except Exception as error:  # onnxruntime's own
        reason = f"which onnxruntime does not open ({first_line(error)})"
        raise _refusal(path, reason) from error
    inputs, outputs = opened.inputs, opened.outputs
    if [*inputs] != [INPUT] or OUTPUT not in outputs:
        raise _refusal(path, f"with inputs {[*inputs]}, outputs {[*outputs]}")
    dtype, shape = inputs[INPUT]
    sizes = tuple(size for size in shape[1:] if size is not None)
    if dtype not in PIXELS or len(sizes) != 3 or sizes[2] not in (1, 3):
        raise _refusal(path, f"with input {dtype} {[*shape]}")
    if shape[0] not in (None, 1):
        raise _refusal(path, f"with a batch of {shape[0]}")
    logits = outputs[OUTPUT].shape
    classes = logits[-1] if logits else None
    return _Model(sizes, dtype, classes, opened.class_names, opened.short_side)


def _refusal(path: Path, received: str) -> InputError:
    return InputError(
        f"The demo page needs an ONNX file with the one input `{INPUT}` "
        "(batch, height, width, channels) of known size, 1 or 3 channels, "
        f"float32 or uint8, an output `{OUTPUT}`, and its weights inside. "
        f"Received: {path}, {received}. Export it with `python -m export`."
    )


def _names(given: list[str] | None, model: _Model) -> list[str] | None:
    names = model.class_names if given is None else given
    if names is None or model.classes in (None, len(names)):
        return names
    raise InputError(
        "Class names must be one a class. "
        f"Received: {len(names)} names, model with {model.classes} classes. "
        "Give them in the order of the labels."
    )


def _samples(images: np.ndarray | None, shape: tuple[int, ...]) -> list[str]:
    """Encode the first images as PNG files, in data URLs."""
    if images is None:
        return []
    if images.ndim != 4 or images.shape[1:] != shape:
        raise InputError(
            f"Samples must have the shape (N, {str(shape)[1:]} that the model "
            f"takes. Received: {images.shape}. Resize them."
        )
    shown = images[:SAMPLES]
    low, high = (
        (float(shown.min()), float(shown.max())) if shown.size else (0.0, 0.0)
    )
    if not (low >= 0 and high <= 255 and math.isfinite(high)):
        raise InputError(
            "Samples must be pixels in [0, 255]. "
            f"Received: values from {low:g} to {high:g}. Scale them back."
        )
    return [
        f"data:image/png;base64,{_base64(_png(pixels))}"
        for pixels in np.rint(shown).astype("uint8")
    ]


def _png(pixels: np.ndarray) -> bytes:
    grey = pixels.shape[-1] == 1
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if grey else pixels).save(file, "png")
    return file.getvalue()
