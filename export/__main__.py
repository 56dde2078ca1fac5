"""The command line of the exporter: words -> one call."""

import argparse
import os
import sys
import warnings
from typing import Any

from export.errors import ExportError
from export.formats import FORMATS
from export.formats import parse_formats


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Export a Keras image classifier to SavedModel, TFLite "
        "and ONNX, and prove that each file computes the same logits.",
    )
    parser.add_argument("model", help="a .keras file of stock layers")
    parser.add_argument("--out", required=True, help="folder to make")
    parser.add_argument("--images", help="npz file of real pixels to compare")
    parser.add_argument("--class-names", help="JSON list of class names")
    parser.add_argument(
        "--formats",
        default=",".join(FORMATS),
        help="comma-separated; default: %(default)s",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-4,
        help="largest difference of a logit; default: %(default)s",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier export"
    )
    return parser


def _use_tensorflow() -> None:
    """The converters need TensorFlow, whatever the model was trained with."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=DeprecationWarning)


def _table(report: dict[str, Any]) -> str:
    lines = [f"{'file':<24}{'bytes':>12}{'max diff':>11}{'top-1':>8}  verdict"]
    for artifact in report["artifacts"]:
        largest = artifact["max_difference"]
        agreement = artifact["top1_agreement"]
        lines.append(
            f"{artifact['path']:<24}{artifact['bytes']:>12,}"
            f"{'-' if largest is None else f'{largest:.1e}':>11}"
            f"{'-' if agreement is None else f'{agreement:.1%}':>8}"
            f"  {'same' if artifact['accepted'] else artifact['reason']}"
        )
    return "\n".join(lines)


def main() -> int:
    """Export; 0 if every file passed, 1 if not, 2 for wrong input."""
    arguments = _parser().parse_args()
    try:
        formats = parse_formats(arguments.formats)
        _use_tensorflow()
        from export.exporting import export_model

        report = export_model(
            arguments.model,
            arguments.out,
            images=arguments.images,
            class_names=arguments.class_names,
            formats=formats,
            tolerance=arguments.tolerance,
            overwrite=arguments.overwrite,
        )
    except ExportError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(_table(report))
    print(f"\nReport: {arguments.out}/export_report.json")
    return 0 if report["accepted"] else 1


if __name__ == "__main__":
    sys.exit(main())
