"""One export: check, load, convert, prove, report."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from atsc_keras.errors import InputError
from atsc_keras.files.whole import files_in, folder_written_whole
from atsc_keras.records.exports import ExportReport
from atsc_keras.records.reading import record_text

from .checks import LABELS, PAGE, REPORT, check_job, load_class_names
from .demo_page import write_demo_page
from .formats import FORMATS
from .formats.base import Variant
from .images import RealImages, load_images
from .job import ExportJob
from .table import markdown_report
from .verification import RANDOM_IMAGES

if TYPE_CHECKING:
    from atsc_keras.models.endings import Ending


def export(job: ExportJob) -> ExportReport:
    """Export a saved classifier and prove every file against it.

    Args:
        job: what to export, where, and on what to prove it.

    Returns:
        What `export_report.json` holds; `accepted` says whether every file
        of the model passed.

    Raises:
        InputError: if model, images, names, tolerance, packages or folder
            cannot be used.
    """
    started = time.monotonic()
    earlier = check_job(job)
    # TensorFlow and Keras take seconds: nothing is said after them that can
    # be said before.
    import keras

    from .loading import load_classifier
    from .model_input import check_pixels
    from .one_model import export_one

    classifier = load_classifier(
        job.model, job.pixel_range, job.image_size, job.data
    )
    shape = tuple(classifier.logits.input_shape[1:])
    _check_size(job, shape)
    classes = classifier.logits.output_shape[-1]
    names = (
        load_class_names(job.class_names, classes) if job.class_names else None
    )
    real = (
        None
        if job.data is None
        else load_images(
            job.data,
            shape,
            classes,
            job.selection,
            names,
            job.evaluation_resize,
        )
    )
    _check_calibration(job.variants, real)
    quantized = any(variant.quantized for variant in job.variants)
    note = None
    if job.pixel_range is None:
        note = check_pixels(classifier.logits, job.model, real, quantized)
    others = {
        path: _to_compare(job, path, shape, real, quantized)
        for path in job.compare
    }
    images = {"random": RANDOM_IMAGES}
    if real is not None:
        images["real"] = len(real.test)
    calibration = None if real is None else real.calibration
    compared = replace(job, pixel_range=job.compare_pixel_range)
    out = job.out.resolve()
    with folder_written_whole(out, "--out", earlier) as beside:
        first = export_one(classifier, job.model, beside, job, real, names)
        models = [first.model_copy(update={"note": note})]
        for path, (other, note) in others.items():
            folder = beside / path.stem
            folder.mkdir()
            # Its own number of classes may be another: no names.
            second = export_one(other, path, folder, compared, real)
            models.append(second.model_copy(update={"note": note}))
        if names:
            text = json.dumps(names, indent=2) + "\n"
            (beside / LABELS).write_text(text, "utf-8")
        report = ExportReport(
            accepted=all(x.accepted for x in models[0].artifacts),
            keras_version=keras.__version__,
            tolerance=job.tolerance,
            threads=job.threads,
            images=images,
            calibration_images=0 if calibration is None else len(calibration),
            models=tuple(models),
            seconds=round(time.monotonic() - started, 2),
            # What --overwrite may delete, next time.
            files=(*files_in(beside), PAGE, REPORT),
        )
        (beside / PAGE).write_text(markdown_report(report), "utf-8")
        (beside / REPORT).write_text(record_text(report), "utf-8")
    if job.demo_page is not None and report.accepted:
        name = FORMATS["onnx"].file_name(Variant("onnx"), job.model.stem)
        write_demo_page(
            job.demo_page,
            out / name,
            class_names=names,
            images=None if real is None else real.test,
            runtime=job.runtime,
        )
    return report


# === What can be known only of model and images ===


def _check_calibration(
    variants: Sequence[Variant], real: RealImages | None
) -> None:
    """See that int8 has training images.

    Raises:
        InputError: if not.
    """
    if real is None or real.calibration is not None:
        return
    if any(variant.precision == "int8" for variant in variants):
        raise InputError(
            "--precision int8 calibrates by training images, never by those "
            "of the test. Received: --data without training images. Add "
            "`x_train` to the npz file, or a folder train/ beside test/."
        )


def _check_size(job: ExportJob, shape: tuple[int, ...]) -> None:
    """See that a size was given to a model of any.

    Raises:
        InputError: if not.
    """
    if job.image_size not in (None, shape[:2]):
        raise InputError(
            "--image-size is for a model of any size. Received: "
            f"{job.image_size}, {job.model} for {shape}. Leave it out."
        )


def _to_compare(
    job: ExportJob,
    path: Path,
    shape: tuple[int, ...],
    real: RealImages | None,
    quantized: bool,
) -> tuple["Ending", str | None]:
    """Load a model to compare with; also a note on its pixels.

    Raises:
        InputError: if it takes other images.
    """
    from .loading import load_classifier
    from .model_input import COMPARED, check_pixels

    stated = job.compare_pixel_range
    size = (shape[0], shape[1])
    other = load_classifier(path, stated, size, option=COMPARED)
    own = tuple(other.logits.input_shape[1:])
    if own != shape:
        raise InputError(
            "--compare must name models of the same images. Received: "
            f"{path} for {own}, MODEL for {shape}. Leave it out."
        )
    if stated is not None:
        return other, None
    return other, check_pixels(other.logits, path, real, quantized, COMPARED)
