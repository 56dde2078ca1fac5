"""One export: load, convert, prove, report."""

import json
import time
from pathlib import Path
from typing import Any

import keras

from atsc_keras.files.whole import files_in, folder_written_whole

from .checks import (
    LABELS,
    PAGE,
    REPORT,
    check_calibration,
    check_data,
    check_demo_page,
    check_folder,
    check_same_images,
    check_stems,
)
from .demo_page import write_demo_page
from .formats import FORMATS, check_packages
from .formats.base import Variant
from .images import load_images
from .job import ExportJob
from .loading import load_class_names, load_classifier
from .one_model import export_one
from .table import markdown_report
from .verification import RANDOM_IMAGES


def export(job: ExportJob) -> dict[str, Any]:
    """Export a saved classifier and prove every file against it.

    Args:
        job: what to export, where, and on what to prove it.

    Returns:
        What `export_report.json` holds; `accepted` says whether every file
        of the model passed.

    Raises:
        InputError: if model, images, names, packages or folder cannot be
            used.
    """
    started = time.monotonic()
    check_stems([job.model, *job.compare])
    earlier = check_folder(job)
    check_data(job.variants, job.data)
    if job.demo_page is not None:
        check_demo_page(job.variants)
    check_packages(job.variants)
    model = load_classifier(job.model)
    shape = tuple(model.inputs[0].shape[1:])
    classes = int(model.outputs[0].shape[-1])
    names = (
        load_class_names(job.class_names, classes) if job.class_names else None
    )
    real = (
        None
        if job.data is None
        else load_images(job.data, shape, classes, job.selection)
    )
    check_calibration(job.variants, real)
    out = job.out.resolve()
    with folder_written_whole(out, "--out", REPORT, earlier) as beside:
        models = [export_one(model, job.model, beside, job, real, names)]
        for path in job.compare:
            other = load_classifier(path)
            check_same_images(other, path, shape)
            folder = beside / path.stem
            folder.mkdir()
            # Its own number of classes may be another: no names.
            models.append(export_one(other, path, folder, job, real))
        report: dict[str, Any] = {
            "accepted": all(x["accepted"] for x in models[0]["artifacts"]),
            "keras_version": keras.__version__,
            "tolerance": job.tolerance,
            "threads": job.threads,
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
            _write_json(beside / LABELS, names)
        (beside / PAGE).write_text(markdown_report(report), "utf-8")
        # What --overwrite may delete, next time.
        report["files"] = [*files_in(beside), REPORT]
        _write_json(beside / REPORT, report)
    if job.demo_page is not None and report["accepted"]:
        name = FORMATS["onnx"].file_name(Variant("onnx"), job.model.stem)
        write_demo_page(
            job.demo_page,
            out / name,
            class_names=names,
            images=None if real is None else real.test,
            runtime=job.runtime,
        )
    return report


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
