"""The command line of the exporter: words -> one call."""

import os
import warnings
from pathlib import Path
from typing import Annotated

import typer

from atsc_keras.errors import InputError, TerminatedError
from atsc_keras.pixels import PLAIN, Pixels

from .checks import check_numbers
from .formats import FORMATS, check_packages, parse_list, variants
from .formats.base import OUTPUTS, PIXELS, PRECISIONS
from .from_run import RunFiles, files_of_run
from .job import ExportJob, Selection, read_size
from .proving import check_machine, tensorflow_threads

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def export(
    model: Annotated[
        Path | None, typer.Argument(help="A .keras file of stock layers.")
    ] = None,
    from_run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Folder of a run instead: its student, images and class "
            "names, to RUN/export, compared with its teacher and the student "
            "alone.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to make.")] = None,
    formats: Annotated[str, typer.Option(help="By commas.")] = ",".join(
        FORMATS
    ),
    precision: Annotated[
        str,
        typer.Option(
            help=f"By commas, of {', '.join(PRECISIONS)}; float32 is always "
            "made."
        ),
    ] = PRECISIONS[0],
    pixels: Annotated[
        str,
        typer.Option(
            help="Dtypes of the input `image`, by commas, of "
            f"{', '.join(PIXELS)}."
        ),
    ] = PIXELS[0],
    pixel_range: Annotated[
        str | None,
        typer.Option(
            help="What MODEL wants of its pixels where it does not scale "
            "them itself: 0..1, -1..1, 'mean=R,G,B std=R,G,B' in units of 0 "
            "to 255, or the family of keras.applications whose "
            "preprocess_input it was trained with, such as resnet50. It "
            "becomes a layer of every file. Default: 0..255, unless real "
            "images contradict that."
        ),
    ] = None,
    compare_pixel_range: Annotated[
        str | None,
        typer.Option(help="The same, of every --compare file."),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            help="N or HxW, for a MODEL of any size; default: that of --data."
        ),
    ] = None,
    outputs: Annotated[
        str,
        typer.Option(
            help=f"By commas, of {', '.join(OUTPUTS)}; logits are always given."
        ),
    ] = OUTPUTS[0],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Real images with pixels from 0 to 255: an npz file with "
            "x_test (and y_test, x_train), a folder test/<class>/* (and "
            "train/<class>/*) or a folder of images."
        ),
    ] = None,
    test_images: Annotated[
        int, typer.Option(help="Test images to compare on, at most.")
    ] = Selection.test,
    calibration_images: Annotated[
        int,
        typer.Option(
            help="Training images that int8 is calibrated by, at most."
        ),
    ] = Selection.calibration,
    seed: Annotated[
        int, typer.Option(help="Of their random choice.")
    ] = Selection.seed,
    class_names: Annotated[
        Path | None, typer.Option(help="JSON list of class names.")
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Another .keras file, such as the teacher, to export the "
            "same way for the report; may be repeated.",
        ),
    ] = None,
    no_compare: Annotated[
        bool,
        typer.Option("--no-compare", help="With --from-run: the student only."),
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            help="Difference of a float32 logit; a tenth of it more for each "
            "unit of the largest logit."
        ),
    ] = ExportJob.tolerance,
    threads: Annotated[
        int, typer.Option(help="Of the runtimes while they are timed.")
    ] = ExportJob.threads,
    demo_page: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also make a web page that runs the ONNX file in the "
            "browser, offline.",
        ),
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder dist of onnxruntime-web for it; default: fetched by "
            "npm.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace an earlier export; refused if its folder holds "
            "anything else.",
        ),
    ] = False,
) -> None:
    """Export a Keras classifier to other formats, and prove every file.

    To SavedModel, TFLite and ONNX. Status 1: a file does not compute what
    the model does; 2: wrong input.
    """
    # Words of the command line come before the run's.
    files = _files(model, from_run, out)
    for name, stated in (
        ("--pixel-range", pixel_range),
        ("--compare-pixel-range", compare_pixel_range),
    ):
        if stated is not None:
            Pixels.read(stated, name)
    if from_run is not None:
        # What a run saves scales its pixels itself.
        pixel_range = pixel_range or PLAIN.name
        if not compare:
            compare_pixel_range = compare_pixel_range or PLAIN.name
    job = ExportJob(
        files.model,
        out or files.out,
        variants=variants(
            parse_list("--formats", formats, [*FORMATS]),
            parse_list("--precision", precision, PRECISIONS),
            parse_list("--pixels", pixels, PIXELS),
        ),
        outputs=parse_list("--outputs", outputs, OUTPUTS),
        pixel_range=pixel_range,
        compare_pixel_range=compare_pixel_range,
        image_size=None if image_size is None else read_size(image_size),
        evaluation_resize=files.evaluation_resize,
        data=data or files.data,
        selection=Selection(test_images, calibration_images, seed),
        class_names=class_names or files.class_names,
        compare=(*(compare or ()), *(() if no_compare else files.compare)),
        tolerance=tolerance,
        threads=threads,
        demo_page=demo_page,
        runtime=runtime,
        overwrite=overwrite,
    )
    check_numbers(job)
    check_packages(job.variants)  # before TensorFlow, which is one of them
    _use_tensorflow(threads)
    from .exporting import PAGE
    from .exporting import export as run
    from .table import text_report

    try:
        report = run(job)
    except TerminatedError as error:
        error.way_out = "Nothing half-written is left. Run it again."
        raise
    except InputError:
        raise
    except Exception as error:
        check_machine(error)
        raise
    print(text_report(report))
    print(f"\nReport: {job.out}/{PAGE}")
    if demo_page and report.accepted:
        print(f"Page: {demo_page}/index.html")
    if not report.accepted:
        raise typer.Exit(1)


def _files(
    model: Path | None, from_run: Path | None, out: Path | None
) -> RunFiles:
    if from_run is not None and model is None:
        return files_of_run(from_run)
    if model is None or from_run is not None:
        raise InputError(
            "Give either MODEL.keras or --from-run RUN. Received: "
            f"{'neither' if model is None else 'both'}. See --help."
        )
    if out is None:
        raise InputError(
            "MODEL needs --out, the folder to make. Received: none. Add it."
        )
    return RunFiles(model)


def _use_tensorflow(threads: int) -> None:
    """Choose TensorFlow, which the converters need for any model."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.update(tensorflow_threads(threads))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
