"""One export: load, convert, prove, report."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from atsc_keras.files.whole import files_in, folder_written_whole

from .checks import (
    REPORT,
    check_calibration,
    check_data,
    check_demo_page,
    check_folder,
    check_same_images,
    check_stems,
)
from .demo_page import write_demo_page
from .formats import FORMATS, OUTPUTS, Variant
from .images import load_images
from .loading import load_class_names, load_classifier
from .one_model import Job, export_one
from .requirements import check_packages
from .selection import Selection
from .table import markdown_report
from .verification import RANDOM_IMAGES, TOLERANCE

PAGE = "export_report.md"
_LABELS = "labels.json"
_EVERY_FORMAT = tuple(Variant(kind) for kind in FORMATS)


def export_model(
    model_path: str | Path,
    out: str | Path,
    *,
    variants: Sequence[Variant] = _EVERY_FORMAT,
    outputs: Sequence[str] = OUTPUTS[:1],
    data: str | Path | None = None,
    selection: Selection | None = None,
    class_names: str | Path | None = None,
    compare: Sequence[str | Path] = (),
    tolerance: float = TOLERANCE,
    threads: int = 1,
    demo_page: str | Path | None = None,
    runtime: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Export a saved classifier and prove every file against it.

    Args:
        model_path: a `.keras` file of stock layers.
        out: folder to make: `saved_model/`, `<stem>.tflite`, `<stem>.onnx`
            and the same in other precisions; `export_report.json` and `.md`;
            with class names, `labels.json`.
        variants: files to write; default: float32 in all three formats.
        outputs: of "logits", "probabilities" and "label"; logits always.
        data: real images, as `load_images` reads them; int8 needs them.
        selection: how many of them; default: 500 to compare, 200 to
            calibrate.
        class_names: JSON list of the classes' names, put into the files too.
        compare: other `.keras` files, exported the same way to
            `out/<stem>/`, for the report only.
        tolerance: largest difference of a float32 logit from Keras's;
            default 1e-4.
        threads: of the runtimes while they are timed; default 1.
        demo_page: folder of a web page to make, which runs the ONNX file, if
            every file was accepted; default: none.
        runtime: folder `dist` of onnxruntime-web, for the page; default:
            fetched with npm.
        overwrite: replace the files of the export that `out` holds; others
            stay.

    Returns:
        What `export_report.json` holds; `accepted` says whether every file
        of the model passed.

    Raises:
        InputError: if model, images, names, packages or folder cannot be
            used.
    """
    started = time.monotonic()
    paths = [Path(path) for path in (model_path, *compare)]
    out = Path(out).resolve()
    check_stems(paths)
    earlier = check_folder(
        out,
        overwrite,
        [
            *(PAGE, _LABELS),
            *(variant.file_name(paths[0].stem) for variant in variants),
            *(
                f"{path.stem}/{variant.file_name(path.stem)}"
                for path in paths[1:]
                for variant in variants
            ),
        ],
    )
    check_data(variants, data)
    if demo_page is not None:
        check_demo_page(variants)
    check_packages(variants)
    model = load_classifier(paths[0])
    shape = tuple(model.inputs[0].shape[1:])
    classes = int(model.outputs[0].shape[-1])
    names = (
        load_class_names(Path(class_names), classes) if class_names else None
    )
    real = (
        None
        if data is None
        else load_images(Path(data), shape, classes, selection or Selection())
    )
    check_calibration(variants, real)
    job = Job(
        variants,
        [name for name in OUTPUTS if name in (*outputs, OUTPUTS[0])],
        real,
        tolerance,
        threads,
    )
    with folder_written_whole(out, "--out", REPORT, earlier) as beside:
        models = [export_one(model, paths[0], beside, names, job)]
        for path in paths[1:]:
            other = load_classifier(path)
            check_same_images(other, path, shape)
            folder = beside / path.stem
            folder.mkdir()
            # Its own number of classes may be another: no names.
            models.append(export_one(other, path, folder, None, job))
        report = {
            "accepted": all(x["accepted"] for x in models[0]["artifacts"]),
            "keras_version": keras.__version__,
            "tolerance": tolerance,
            "threads": threads,
            "images": {
                "random": RANDOM_IMAGES,
                **({} if real is None else {"real": len(real.test)}),
            },
            "calibration_images": (
                0
                if real is None or real.calibration is None
                else len(real.calibration)
            ),
            "models": models,
            "seconds": round(time.monotonic() - started, 2),
        }
        if names:
            _write_json(beside / _LABELS, names)
        (beside / PAGE).write_text(markdown_report(report), "utf-8")
        # What --overwrite may delete, next time.
        report["files"] = [*files_in(beside), REPORT]
        _write_json(beside / REPORT, report)
    if demo_page is not None and report["accepted"]:
        write_demo_page(
            Path(demo_page),
            out / Variant("onnx").file_name(paths[0].stem),
            class_names=names,
            images=None if real is None else real.test,
            runtime=None if runtime is None else Path(runtime),
        )
    return report


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
