"""All files of one model: written, proven, measured."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from .breakages import breakage, leaf_layers
from .converters import Converter
from .formats import Variant
from .images import RealImages
from .latency import measure_latency
from .proving import prove, rejected
from .runtimes import OUTPUT, RUNTIMES, Outputs
from .verification import Limits, Sample, random_images

_KERAS_BATCH = 32  # images at a time, for the logits to compare with


@dataclass(frozen=True)
class Job:
    """What is the same for all models of one export.

    Attributes:
        variants: files to write.
        outputs: of each file.
        real: images to calibrate by and compare on, if any.
        tolerance: largest difference of a float32 logit.
        threads: of the runtimes while they are timed.
    """

    variants: Sequence[Variant]
    outputs: Sequence[str]
    real: RealImages | None
    tolerance: float
    threads: int


def export_one(
    model: keras.Model,
    path: Path,
    folder: Path,
    names: list[str] | None,
    job: Job,
) -> dict[str, Any]:
    """Write and prove all variants of one model to a folder.

    Args:
        model: the classifier.
        path: of its `.keras` file.
        folder: to write to.
        names: of the classes, if known.
        job: what to write, and what to prove it on.

    Returns:
        What the report says of this model.
    """
    shape = tuple(model.inputs[0].shape[1:])
    samples = [_sample(model, "random", random_images(shape))]
    if job.real is not None:
        samples.append(_sample(model, "real", job.real.test, job.real.labels))
    with tempfile.TemporaryDirectory() as workspace:
        converter = Converter(
            model,
            Path(workspace),
            outputs=job.outputs,
            class_names=names,
            calibration=None if job.real is None else job.real.calibration,
        )
        saved = [sample.save(Path(workspace)) for sample in samples]
        artifacts = [
            _artifact(model, converter, variant, folder, path, saved, job)
            for variant in job.variants
        ]
        return {
            "name": path.stem,
            "file": path.name,
            "parameters": _parameters(model),
            "multiply_adds": _multiply_adds(converter),
            "input_shape": list(shape),
            "classes": int(model.outputs[0].shape[-1]),
            "keras": _keras_row(model, path, samples[-1]),
            "artifacts": artifacts,
        }


def _sample(
    model: keras.Model,
    name: str,
    images: np.ndarray,
    labels: np.ndarray | None = None,
) -> Sample:
    logits = model.predict(
        images.astype(model.inputs[0].dtype), batch_size=_KERAS_BATCH, verbose=0
    )
    return Sample(name, images, logits, labels)


def _keras_row(
    model: keras.Model, path: Path, sample: Sample
) -> dict[str, Any]:
    """Size, accuracy and latency of the model itself."""

    def predict(images: np.ndarray) -> Outputs:
        return {OUTPUT: model.predict_on_batch(images)}

    images = sample.images.astype(model.inputs[0].dtype)
    return {
        "bytes": _size(path),
        "accuracy": sample.accuracy(sample.logits),
        "latency": measure_latency(predict, images),
    }


def _parameters(model: keras.Model) -> int:
    """Weights, without statistics."""
    statistics = {
        id(weight)
        for layer in leaf_layers(model)
        for weight in layer.weights
        if weight.name.startswith("moving_")
        or isinstance(layer, keras.layers.Normalization)
    }
    return sum(
        int(np.prod(weight.shape))
        for weight in model.weights
        if id(weight) not in statistics
    )


def _multiply_adds(converter: Converter) -> int | None:
    try:
        return converter.multiply_adds()
    except Exception:  # a model that cannot be traced has no artifact either
        return None


def _artifact(
    model: keras.Model,
    converter: Converter,
    variant: Variant,
    folder: Path,
    model_path: Path,
    samples: list[Path],
    job: Job,
) -> dict[str, Any]:
    """Write one file and prove it; a failure is a verdict, not an end."""
    path = folder / variant.file_name(model_path.stem)
    broken = breakage(model, variant.format)
    if broken:
        verdict = rejected(f"not written: {broken}")
    else:
        try:
            converter.write(variant, path)
        except Exception as error:  # converters raise anything
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            verdict = rejected(f"{type(error).__name__}: {reason}")
        else:
            limits = Limits.of(variant.precision, job.tolerance)
            # Of noise, nothing follows for a file made for real images.
            samples = samples[1:] if variant.quantized else samples
            verdict = prove(variant, path, samples, limits, job.threads)
    return {
        **asdict(variant),
        "path": path.name,
        "runtime": RUNTIMES[variant.format][0],
        "bytes": _size(path),
        **verdict,
    }


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    return path.stat().st_size if path.exists() else 0
