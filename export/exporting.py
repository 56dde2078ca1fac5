"""One export: check, load, convert, prove, report."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras

from atsc_keras.errors import InputError
from atsc_keras.files.whole import files_in, folder_written_whole
from atsc_keras.records.exports import ExportReport
from atsc_keras.records.manifest import exported_files
from atsc_keras.records.reading import record_text

from .demo_page import write_demo_page
from .formats import FORMATS, check_packages
from .formats.base import Variant
from .images import RealImages, load_images
from .job import ExportJob
from .loading import load_class_names, load_classifier
from .one_model import export_one
from .table import markdown_report
from .verification import RANDOM_IMAGES

REPORT = ExportReport.file_name  # by it an export is known
PAGE = "export_report.md"
LABELS = "labels.json"


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
    _check_stems([job.model, *job.compare])
    earlier = check_folder(job)
    _check_data(job.variants, job.data)
    _check_tolerance(job.tolerance)
    if job.demo_page is not None:
        _check_demo_page(job.variants)
    check_packages(job.variants)
    classifier = load_classifier(job.model)
    shape = tuple(classifier.logits.input_shape[1:])
    classes = classifier.logits.output_shape[-1]
    names = (
        load_class_names(job.class_names, classes) if job.class_names else None
    )
    real = (
        None
        if job.data is None
        else load_images(job.data, shape, classes, job.selection)
    )
    _check_calibration(job.variants, real)
    images = {"random": RANDOM_IMAGES}
    if real is not None:
        images["real"] = len(real.test)
    calibration = None if real is None else real.calibration
    out = job.out.resolve()
    with folder_written_whole(out, "--out", REPORT, earlier) as beside:
        models = [export_one(classifier, job.model, beside, job, real, names)]
        for path in job.compare:
            other = load_classifier(path)
            _check_same_images(other.given, path, shape)
            folder = beside / path.stem
            folder.mkdir()
            # Its own number of classes may be another: no names.
            models.append(export_one(other, path, folder, job, real))
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


# === What must be true before anything is written ===


def check_folder(job: ExportJob) -> list[str]:
    """See that an export may be made in its folder, and destroys nothing else.

    Returns:
        Files of an earlier export, by their paths from the folder on, which
        may go.

    Raises:
        InputError: if not.
    """
    out = job.out.resolve()
    if out.exists() and not out.is_dir():
        raise InputError(
            "--out must be a folder. "
            f"Received: {out}, which is a file. Name another."
        )
    around = Path.cwd().is_relative_to(out)
    if not around and not (out.exists() and any(out.iterdir())):
        return []
    if around or not (out / REPORT).is_file():
        raise InputError(
            "--out must be new, empty, or hold an earlier export. "
            f"Received: {out}, which holds other files. Name another folder."
        )
    if not job.overwrite:
        raise InputError(
            "--out must be new or empty. "
            f"Received: {out}, which holds an earlier export. Add --overwrite "
            "to replace it."
        )
    # A damaged report names nothing; by it the folder is known all the same.
    own = {REPORT, *exported_files(out)}
    in_the_way = [
        name
        for name in files_in(out)
        if name not in own
        and any(_meet(name, other) for other in _planned(job))
    ]
    if in_the_way:
        raise InputError(
            "--overwrite replaces what an export wrote, and nothing else. "
            f"Received: {out}, where {', '.join(in_the_way[:3])} would be in "
            "the way and is not of the export. Move it, or name another "
            "folder."
        )
    return sorted(own)


def _planned(job: ExportJob) -> Iterator[str]:
    """Paths, from the folder on, of what an export may write."""
    yield from (REPORT, PAGE, LABELS)
    for path in (job.model, *job.compare):
        folder = "" if path is job.model else f"{path.stem}/"
        for variant in job.variants:
            kind = FORMATS[variant.format]
            yield folder + kind.file_name(variant, path.stem)


def _meet(name: str, other: str) -> bool:
    """Whether one path is the other, or inside it."""
    one, two = Path(name), Path(other)
    return one.is_relative_to(two) or two.is_relative_to(one)


def _check_stems(paths: Sequence[Path]) -> None:
    """See that every model has a folder of its own.

    Raises:
        InputError: if not.
    """
    stems = [path.stem for path in paths]
    if len(set(stems)) < len(stems):
        raise InputError(
            "--compare must name files unlike MODEL and each other, for their "
            f"folders. Received: {', '.join(stems)}. Rename one."
        )


def _check_data(variants: Sequence[Variant], data: object) -> None:
    """See that files of whole numbers can be proven.

    Raises:
        InputError: if not.
    """
    quantized = sorted({v.precision for v in variants if v.quantized})
    if quantized and data is None:
        raise InputError(
            "--precision dynamic and int8 need real images, to calibrate by "
            f"and to prove the files on. Received: {', '.join(quantized)} "
            "without any. Add --data."
        )


def _check_tolerance(tolerance: float) -> None:
    """See that differences can be more than it, or not.

    Raises:
        InputError: if not.
    """
    if not 0 <= tolerance < math.inf:
        raise InputError(
            "--tolerance must be a number of 0 or more. "
            f"Received: {tolerance}. Leave it out for the default."
        )


def _check_demo_page(variants: Sequence[Variant]) -> None:
    """See that the page has a model to run.

    Raises:
        InputError: if not.
    """
    if Variant("onnx") not in variants:
        raise InputError(
            "--demo-page runs the float32 ONNX file. Received: --formats and "
            "--pixels without it. Add onnx to --formats, float32 to --pixels."
        )


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


def _check_same_images(
    model: keras.Model, path: Path, shape: tuple[int, ...]
) -> None:
    """See that a model to compare with takes the same images.

    Raises:
        InputError: if not.
    """
    own = tuple(model.inputs[0].shape[1:])
    if own != shape:
        raise InputError(
            "--compare must name models of the same images. Received: "
            f"{path} for {own}, MODEL for {shape}. Leave it out."
        )
