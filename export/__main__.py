"""The command line of the exporter: words -> one call."""

import argparse
import os
import sys
import warnings
from pathlib import Path

from export.errors import ExportError
from export.formats import FORMATS
from export.formats import OUTPUTS
from export.formats import PIXELS
from export.formats import PRECISIONS
from export.formats import parse_list
from export.formats import variants
from export.from_run import RunFiles
from export.from_run import files_of_run
from export.proving import tensorflow_threads
from export.selection import Selection
from export.verification import TOLERANCE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Export a Keras image classifier to SavedModel, TFLite "
        "and ONNX, and prove that each file computes what it does.",
    )
    add = parser.add_argument
    add("model", nargs="?", type=Path, help="a .keras file of stock layers")
    add(
        "--from-run",
        type=Path,
        metavar="RUN",
        help="folder of a run instead: its student, images and class names, "
        "to RUN/export, compared with its teacher and the student alone",
    )
    add("--out", type=Path, help="folder to make")
    add(
        "--formats",
        default=",".join(FORMATS),
        help="comma-separated; default: %(default)s",
    )
    add(
        "--precision",
        default=PRECISIONS[0],
        help=f"comma-separated, of {', '.join(PRECISIONS)}; float32 is always "
        "made; default: %(default)s",
    )
    add(
        "--pixels",
        default=PIXELS[0],
        help="dtypes of the input `image`, comma-separated, of "
        f"{', '.join(PIXELS)}; default: %(default)s",
    )
    add(
        "--outputs",
        default=OUTPUTS[0],
        help=f"comma-separated, of {', '.join(OUTPUTS)}; logits are always "
        "given; default: %(default)s",
    )
    add(
        "--data",
        type=Path,
        help="real images with pixels from 0 to 255: an npz file with x_test "
        "(and y_test, x_train), a folder test/<class>/* (and train/<class>/*) "
        "or a folder of images",
    )
    add(
        "--test-images",
        type=int,
        default=Selection.test,
        help="test images to compare on, at most; default: %(default)s",
    )
    add(
        "--calibration-images",
        type=int,
        default=Selection.calibration,
        help="training images that int8 is calibrated by, at most; default: "
        "%(default)s",
    )
    add(
        "--seed",
        type=int,
        default=Selection.seed,
        help="of their random choice; default: %(default)s",
    )
    add("--class-names", type=Path, help="JSON list of class names")
    add(
        "--compare",
        action="append",
        type=Path,
        metavar="FILE",
        help="another .keras file, such as the teacher, to export the same "
        "way for the report; may be repeated",
    )
    add(
        "--no-compare",
        action="store_true",
        help="with --from-run: the student only",
    )
    add(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="largest difference of a float32 logit; default: %(default)s",
    )
    add(
        "--threads",
        type=int,
        default=1,
        help="of the runtimes while they are timed; default: %(default)s",
    )
    add(
        "--demo-page",
        type=Path,
        metavar="DIR",
        help="also make a web page that runs the ONNX file in the browser, "
        "offline",
    )
    add(
        "--runtime",
        type=Path,
        metavar="DIR",
        help="folder dist of onnxruntime-web for it; default: fetched by npm",
    )
    add("--overwrite", action="store_true", help="replace an earlier export")
    return parser


def _use_tensorflow(threads: int) -> None:
    """The converters need TensorFlow, whatever the model was trained with."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.update(tensorflow_threads(threads))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=DeprecationWarning)


def _check(arguments: argparse.Namespace) -> None:
    if (arguments.model is None) == (arguments.from_run is None):
        raise ExportError(
            "Give either MODEL.keras or --from-run RUN. Received: "
            f"{'neither' if arguments.model is None else 'both'}. See --help."
        )
    if arguments.model and not arguments.out:
        raise ExportError(
            "MODEL needs --out, the folder to make. Received: none. Add it."
        )
    for name in ("test_images", "calibration_images", "threads"):
        if getattr(arguments, name) < 1:
            raise ExportError(
                f"--{name.replace('_', '-')} must be at least 1. Received: "
                f"{getattr(arguments, name)}. Leave it out for the default."
            )


def _files(arguments: argparse.Namespace) -> RunFiles:
    """What to export; words of the command line come before the run's."""
    if arguments.from_run:
        run = files_of_run(arguments.from_run)
    else:
        run = RunFiles(arguments.model)
    compare = () if arguments.no_compare else run.compare
    return RunFiles(
        model=run.model,
        compare=(*(arguments.compare or ()), *compare),
        data=arguments.data or run.data,
        class_names=arguments.class_names or run.class_names,
        out=arguments.out or run.out,
    )


def main() -> int:
    """Export; 0 if every file passed, 1 if not, 2 for wrong input."""
    arguments = _parser().parse_args()
    try:
        _check(arguments)
        wanted = variants(
            parse_list("--formats", arguments.formats, FORMATS),
            parse_list("--precision", arguments.precision, PRECISIONS),
            parse_list("--pixels", arguments.pixels, PIXELS),
        )
        outputs = parse_list("--outputs", arguments.outputs, OUTPUTS)
        files = _files(arguments)
        _use_tensorflow(arguments.threads)
        from export.exporting import PAGE
        from export.exporting import export_model
        from export.table import text_report

        report = export_model(
            files.model,
            files.out,
            variants=wanted,
            outputs=outputs,
            data=files.data,
            selection=Selection(
                arguments.test_images,
                arguments.calibration_images,
                arguments.seed,
            ),
            class_names=files.class_names,
            compare=files.compare,
            tolerance=arguments.tolerance,
            threads=arguments.threads,
            demo_page=arguments.demo_page,
            runtime=arguments.runtime,
            overwrite=arguments.overwrite,
        )
    except ExportError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(text_report(report))
    print(f"\nReport: {files.out}/{PAGE}")
    if arguments.demo_page and report["accepted"]:
        print(f"Page: {arguments.demo_page}/index.html")
    return 0 if report["accepted"] else 1


if __name__ == "__main__":
    sys.exit(main())
