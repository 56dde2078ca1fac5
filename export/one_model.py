"""All files of one model: written, proven, measured."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from atsc_keras.errors import first_line
from atsc_keras.models.complexity import count_multiply_adds, count_parameters
from atsc_keras.models.endings import Ending
from atsc_keras.models.graphs import leaf_layers
from atsc_keras.records.exports import Artifact, ExportedModel, KerasFile

from .formats import FORMATS
from .formats.base import OUTPUT, OUTPUTS, Source, Variant
from .formats.opened import Outputs
from .images import RealImages
from .job import ExportJob
from .proving import check_machine, measure_latency, prove, rejected
from .verification import Limits, Sample, random_images

_KERAS_BATCH = 32  # images at a time, for the logits to compare with


def export_one(
    classifier: Ending,
    path: Path,
    folder: Path,
    job: ExportJob,
    real: RealImages | None = None,
    class_names: list[str] | None = None,
) -> ExportedModel:
    """Write and prove all variants of one model to a folder.

    Args:
        classifier: as `load_classifier` gives it.
        path: of its `.keras` file.
        folder: to write to.
        job: what to write.
        real: images to calibrate by and compare on; default: none.
        class_names: of the model; default: none.

    Returns:
        What the report says of this model.
    """
    model = classifier.logits
    shape = tuple(model.inputs[0].shape[1:])
    samples = [_sample(classifier, "random", random_images(shape))]
    if real is not None:
        samples.append(_sample(classifier, "real", real.test, real.labels))
    with tempfile.TemporaryDirectory() as workspace:
        source = Source(
            model,
            Path(workspace),
            [name for name in OUTPUTS if name in (*job.outputs, OUTPUT)],
            class_names,
            None if real is None else real.calibration,
            job.pixel_range,
            job.evaluation_resize,
        )
        saved = [sample.save(source.workspace) for sample in samples]
        artifacts = []
        for variant in job.variants:
            name = FORMATS[variant.format].file_name(variant, path.stem)
            artifacts.append(
                _artifact(source, variant, folder / name, saved, job)
            )
    return ExportedModel(
        name=path.stem,
        file=path.name,
        parameters=count_parameters(model),
        multiply_adds=_multiply_adds(model),
        input_shape=shape,
        classes=int(model.outputs[0].shape[-1]),
        keras=_keras_file(classifier.given, path, samples[-1]),
        artifacts=tuple(artifacts),
    )


def refusal(model: keras.Model, kind: str) -> str | None:
    """Say why a format cannot have a model.

    Args:
        model: the classifier.
        kind: name of the format.

    Returns:
        Name of the layer, reason and way out; None where nothing is known to
        break.
    """
    for layer in leaf_layers(model):
        reason = FORMATS[kind].refusal(layer)
        if reason:
            return f"layer {layer.name} ({type(layer).__name__}): {reason}"
    return None


def _sample(
    classifier: Ending,
    name: str,
    images: np.ndarray,
    labels: np.ndarray | None = None,
) -> Sample:
    """Run the model as it is given, and that of its logits."""
    dtype = classifier.given.inputs[0].dtype
    logits, given = (
        model.predict(images.astype(dtype), batch_size=_KERAS_BATCH, verbose=0)
        for model in (classifier.logits, classifier.given)
    )
    probabilities = None if classifier.activation == "linear" else given
    return Sample(name, images, logits, labels, probabilities)


def _keras_file(model: keras.Model, path: Path, sample: Sample) -> KerasFile:
    """Size, accuracy and latency of the model itself."""

    def predict(images: np.ndarray) -> Outputs:
        return {OUTPUT: model.predict_on_batch(images)}

    images = sample.images.astype(model.inputs[0].dtype)
    return KerasFile(
        bytes=_size(path),
        accuracy=sample.accuracy(sample.given),
        latency=measure_latency(predict, images),
    )


def _multiply_adds(model: keras.Model) -> int | None:
    try:
        return count_multiply_adds(model)
    except Exception:  # a model that cannot be traced has no artifact either
        return None


def _artifact(
    source: Source,
    variant: Variant,
    path: Path,
    samples: list[Path],
    job: ExportJob,
) -> Artifact:
    """Write one file and prove it; a failure is a verdict, not an end."""
    reason = _failure(source, variant, path)
    if reason:
        verdict = rejected(reason)
    else:
        limits = Limits.of(variant.precision, job.tolerance)
        # Of noise, nothing follows for a file made for real images.
        samples = samples[1:] if variant.quantized else samples
        verdict = prove(variant, path, samples, limits, job.threads)
    return Artifact(
        **asdict(variant),
        path=path.name,
        runtime=FORMATS[variant.format].runtime,
        bytes=_size(path),
        **dict(verdict),
    )


def _failure(source: Source, variant: Variant, path: Path) -> str | None:
    """Write one file; why that cannot be."""
    broken = refusal(source.model, variant.format)
    if broken:
        return f"not written: {broken}"
    try:
        FORMATS[variant.format].write(source, variant, path)
    except Exception as error:  # converters raise anything
        check_machine(error, path.parent, source.workspace)
        return f"{type(error).__name__}: {first_line(error)}"
    return None


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    return path.stat().st_size if path.exists() else 0
