"""What must be true before anything is written."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras

from atsc_keras.errors import InputError
from atsc_keras.files.whole import files_in

from .formats import FORMATS
from .formats.base import Variant
from .images import RealImages
from .job import ExportJob

REPORT = "export_report.json"  # by it an export is known
PAGE = "export_report.md"
LABELS = "labels.json"


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
    own = _files_of_export(out)
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
    return own


def _planned(job: ExportJob) -> Iterator[str]:
    """Paths, from the folder on, of what an export may write."""
    yield from (REPORT, PAGE, LABELS)
    for path in (job.model, *job.compare):
        folder = "" if path is job.model else f"{path.stem}/"
        for variant in job.variants:
            kind = FORMATS[variant.format]
            yield folder + kind.file_name(variant, path.stem)


def _files_of_export(out: Path) -> list[str]:
    """What the report in a folder names as written with it."""
    try:
        named = set(json.loads((out / REPORT).read_text("utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        named = set()
    # Changed by hand, it must not lead out of the folder.
    return [REPORT, *sorted(named & set(files_in(out)) - {REPORT})]


def _meet(name: str, other: str) -> bool:
    """Whether one path is the other, or inside it."""
    one, two = Path(name), Path(other)
    return one.is_relative_to(two) or two.is_relative_to(one)


def check_stems(paths: Sequence[Path]) -> None:
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


def check_data(variants: Sequence[Variant], data: object) -> None:
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


def check_demo_page(variants: Sequence[Variant]) -> None:
    """See that the page has a model to run.

    Raises:
        InputError: if not.
    """
    if Variant("onnx") not in variants:
        raise InputError(
            "--demo-page runs the float32 ONNX file. Received: --formats and "
            "--pixels without it. Add onnx to --formats, float32 to --pixels."
        )


def check_calibration(
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


def check_same_images(
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
