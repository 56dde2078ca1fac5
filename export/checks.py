"""What must be true of an export before a framework is loaded."""

import json
from collections.abc import Sequence
from pathlib import Path

from atsc_keras.errors import InputError
from atsc_keras.files.class_names import check_class_names
from atsc_keras.files.model_files import check_model_file
from atsc_keras.files.whole import check_nothing_else, files_in, restore
from atsc_keras.records.exports import ExportReport
from atsc_keras.records.manifest import exported_files

from .demo_page import check_page_folder
from .formats import check_packages
from .formats.base import Variant
from .images import check_data
from .job import ExportJob
from .web_runtime import check_web_runtime

REPORT = ExportReport.file_name  # by it an export is known
PAGE = "export_report.md"
LABELS = "labels.json"
_MOST_IMAGES = 1_000_000
_MOST_THREADS = 1024
_MOST_BYTES_OF_NAMES = 2**24
_LARGEST_SEED = 2**32 - 1  # as of a run
_LARGEST_TOLERANCE = 1.0  # a file that is further off is another model
_NAMES_WAY_OUT = (
    "Correct it there: [line.strip() for line in file] reads lines without "
    "their breaks."
)


def check_job(job: ExportJob) -> list[str]:
    """Check all of an export that needs neither Keras nor the model.

    Returns:
        Files of an earlier export in its folder, by their paths from the
        folder on, which may go.

    Raises:
        InputError: for the first thing that cannot be.
    """
    check_numbers(job)
    _check_data(job.variants, job.data)
    _check_stems([job.model, *job.compare])
    for path in (job.model, *job.compare):
        check_model_file(path, "MODEL" if path is job.model else "--compare")
    earlier = check_folder(job)
    names = None
    if job.class_names is not None:
        names = load_class_names(job.class_names)
    if job.data is not None:
        check_data(job.data, names)
    if job.demo_page is not None:
        _check_demo_page(job.variants)
        _check_places(job.demo_page.resolve(), job.out.resolve())
        check_page_folder(job.demo_page.resolve())
        check_web_runtime(job.runtime)
    check_packages(job.variants)
    return earlier


def check_folder(job: ExportJob) -> list[str]:
    """See that an export may be made in its folder, and destroys nothing else.

    Returns:
        Files of an earlier export, by their paths from the folder on, which
        may go.

    Raises:
        InputError: if not.
    """
    out = job.out.resolve()
    restore(out)
    if out.is_mount():
        raise InputError(
            "--out must be a folder that can be renamed. "
            f"Received: {out}, where a disk is mounted. Name a folder in it."
        )
    if out.exists() and not out.is_dir():
        raise InputError(
            "--out must be a folder. "
            f"Received: {out}, which is a file. Name another."
        )
    around = Path.cwd().is_relative_to(out)
    if not around and not files_in(out):  # folders without any are none
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
    check_nothing_else(out, own, "--out")
    _check_inputs_survive(job, out)
    return sorted(own)


def _check_inputs_survive(job: ExportJob, out: Path) -> None:
    """See that nothing that is read lies in a folder that is replaced.

    Raises:
        InputError: if anything does.
    """
    inputs = (job.model, *job.compare, job.data, job.class_names, job.runtime)
    for path in filter(None, inputs):
        if path.resolve().is_relative_to(out):
            raise InputError(
                "`--overwrite` must not delete what the export reads. "
                f"Received: {path} inside --out={out}. Move it, or name "
                "another folder."
            )


def _check_places(page: Path, out: Path) -> None:
    """See that page and export do not lie in each other.

    Raises:
        InputError: if they do: neither could be made again.
    """
    if page.is_relative_to(out) or out.is_relative_to(page):
        raise InputError(
            "--demo-page and --out must be folders beside each other. "
            f"Received: {page} and {out}. Name another folder for the page."
        )


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


def check_numbers(job: ExportJob) -> None:
    """See that what is counted has bounds, and a difference a measure.

    Raises:
        InputError: if not.
    """
    chosen = job.selection
    for name, number, least, most in (
        ("--test-images", chosen.test, 1, _MOST_IMAGES),
        ("--calibration-images", chosen.calibration, 1, _MOST_IMAGES),
        ("--seed", chosen.seed, 0, _LARGEST_SEED),
        ("--threads", job.threads, 1, _MOST_THREADS),
        ("--tolerance", job.tolerance, 0, _LARGEST_TOLERANCE),
    ):
        if not least <= number <= most:  # nor is a number that is none
            raise InputError(
                f"{name} must be at least {least} and at most {most}. "
                f"Received: {number}. Leave it out for the default."
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


def load_class_names(path: Path, classes: int | None = None) -> list[str]:
    """Read a JSON list with the name of each class.

    Args:
        path: of the file.
        classes: that the model knows; default: not known yet.

    Raises:
        InputError: if it is no list of as many names as classes, or holds
            one that a file cannot say.
    """
    try:
        if not path.is_file():  # it could keep us waiting for ever
            raise ValueError("no file")
        if path.stat().st_size > _MOST_BYTES_OF_NAMES:
            raise ValueError(f"larger than {_MOST_BYTES_OF_NAMES} bytes")
        names = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise InputError(
            "--class-names must be a JSON file. "
            f"Received: {path} ({e}). Write a list of names."
        ) from e
    count = len(names) if isinstance(names, list) else type(names).__name__
    wrong = isinstance(count, str) or classes not in (None, count)
    if wrong:
        model = f", model with {classes} classes" if classes else ""
        raise InputError(
            "--class-names must be a list with one name a class. Received: "
            f"{path} with {count}{model}. Give them in the order of the labels."
        )
    # Numbers are names too; anything else is a mistake.
    names = [str(name) if type(name) is int else name for name in names]
    check_class_names(names, f"--class-names {path}", _NAMES_WAY_OUT)
    return names
