"""One export: load, convert, prove, report."""

import json
import shutil
import time
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export import converters
from export import runtimes
from export.errors import ExportError
from export.formats import FORMATS
from export.loading import load_class_names
from export.loading import load_classifier
from export.loading import load_images
from export.loading import output_activation
from export.verification import REAL_IMAGES
from export.verification import TOLERANCE
from export.verification import Sample
from export.verification import random_images
from export.verification import verify

REPORT = "export_report.json"
_RUNTIMES = {
    "saved_model": ("tensorflow", runtimes.open_saved_model),
    "tflite": ("ai_edge_litert", runtimes.open_tflite),
    "onnx": ("onnxruntime", runtimes.open_onnx),
}


def export_model(
    model_path: str | Path,
    out: str | Path,
    *,
    images: str | Path | None = None,
    class_names: str | Path | None = None,
    formats: Sequence[str] = FORMATS,
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Export a saved classifier and prove every file against it.

    Args:
        model_path: a `.keras` file of stock layers.
        out: folder to make: `saved_model/`, `<stem>.tflite`, `<stem>.onnx`,
            `export_report.json`, and `labels.json` with class names.
        images: npz file of real pixels (`images`, optionally `labels`) to
            compare on besides random ones.
        class_names: JSON list of the classes' names, also put into the ONNX
            file.
        formats: of "saved_model", "tflite", "onnx"; default: all.
        tolerance: largest difference of a logit from Keras's; default 1e-4.
        overwrite: replace the export that `out` holds.

    Returns:
        What `export_report.json` holds; `accepted` says whether every file
        passed.

    Raises:
        ExportError: if model, images, names or folder cannot be used.
    """
    started = time.monotonic()
    model_path, out = Path(model_path), Path(out).resolve()
    _check_folder(out, overwrite)
    model = load_classifier(model_path)
    shape = tuple(model.inputs[0].shape[1:])
    classes = int(model.outputs[0].shape[-1])
    names = (
        load_class_names(Path(class_names), classes) if class_names else None
    )
    samples = [_sample(model, "random", random_images(shape))]
    if images is not None:
        pixels, labels = load_images(Path(images), shape)
        samples.append(_sample(model, "real", pixels[:REAL_IMAGES], labels))
    beside = out.with_name(f".part-{out.name}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        artifacts = [
            _artifact(
                kind,
                _writer(kind, model, names),
                beside / _file_name(kind, model_path.stem),
                samples,
                tolerance,
            )
            for kind in formats
        ]
        report = {
            "model": model_path.name,
            "keras_version": keras.__version__,
            "parameters": model.count_params(),
            "input_shape": list(shape),
            "classes": classes,
            "output_activation": output_activation(model),
            "tolerance": tolerance,
            "accepted": all(artifact["accepted"] for artifact in artifacts),
            "images": {sample.name: len(sample.images) for sample in samples},
            "keras_accuracy": samples[-1].accuracy(samples[-1].logits),
            "artifacts": artifacts,
            "seconds": round(time.monotonic() - started, 2),
        }
        if names:
            _write_json(beside / "labels.json", names)
        _write_json(beside / REPORT, report)
        if out.exists():
            shutil.rmtree(out)
        beside.rename(out)
    except OSError as error:
        raise ExportError(
            "--out must be a folder that can be written. "
            f"Received: {out} ({error.strerror}). Name another folder."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return report


def _check_folder(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise ExportError(
            "--out must be a folder. "
            f"Received: {out}, which is a file. Name another."
        )
    around = Path.cwd().is_relative_to(out)
    if not around and not (out.exists() and any(out.iterdir())):
        return
    # Never delete what this command has not made.
    if around or not (out / REPORT).is_file():
        raise ExportError(
            "--out must be new, empty, or hold an earlier export. "
            f"Received: {out}, which holds other files. Name another folder."
        )
    if not overwrite:
        raise ExportError(
            "--out must be new or empty. "
            f"Received: {out}, which holds an earlier export. Add --overwrite "
            "to replace it."
        )


def _sample(
    model: keras.Model,
    name: str,
    images: np.ndarray,
    labels: np.ndarray | None = None,
) -> Sample:
    logits = keras.ops.convert_to_numpy(model(images, training=False))
    if labels is not None:
        labels = labels[: len(images)]
    return Sample(name, images, logits, labels)


def _file_name(kind: str, stem: str) -> str:
    return kind if kind == "saved_model" else f"{stem}.{kind}"


def _writer(
    kind: str, model: keras.Model, names: list[str] | None
) -> Callable[[Path], None]:
    """The converter of a format, as a function of the path."""
    writers: dict[str, Callable[[Path], None]] = {
        "saved_model": lambda path: converters.write_saved_model(model, path),
        "tflite": lambda path: converters.write_tflite(model, path),
        "onnx": lambda path: converters.write_onnx(model, path, names),
    }
    return writers[kind]


def _artifact(
    kind: str,
    write: Callable[[Path], None],
    path: Path,
    samples: list[Sample],
    tolerance: float,
) -> dict[str, Any]:
    """Write one file and compare it; a failure is a verdict, not an end."""
    runtime, open_file = _RUNTIMES[kind]
    entry = {"format": kind, "path": path.name, "runtime": runtime}
    try:
        write(path)
        verdict = verify(open_file(path), samples, tolerance)
    except Exception as error:  # converters and runtimes raise anything
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        verdict = {
            "accepted": False,
            "reason": f"{type(error).__name__}: {reason}",
            "max_difference": None,
            "mean_difference": None,
            "top1_agreement": None,
            "accuracy": None,
            "checks": [],
        }
    return {**entry, "bytes": _size(path), **verdict}


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    return path.stat().st_size if path.exists() else 0


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
