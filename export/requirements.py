"""Packages that only some formats or precisions need."""

import importlib.util
from collections.abc import Sequence

from atsc_keras.errors import InputError

from .formats import Variant

# (format, precision or None for all) -> modules and the names to install.
_NEEDS = {
    ("tflite", None): {"ai_edge_litert": "ai-edge-litert"},
    ("onnx", None): {
        "onnx": "onnx",
        "tf2onnx": "tf2onnx",
        "onnxruntime": "onnxruntime",
    },
    ("onnx", "float16"): {"onnxconverter_common": "onnxconverter-common"},
}


def check_packages(variants: Sequence[Variant]) -> None:
    """See that what the variants need is installed.

    Raises:
        InputError: if not, with the line that installs it.
    """
    for variant in variants:
        for precision in (None, variant.precision):
            needs = _NEEDS.get((variant.format, precision), {})
            missing = [
                package
                for module, package in needs.items()
                if importlib.util.find_spec(module) is None
            ]
            if missing:
                what = f"{variant.format} in {variant.precision}"
                raise InputError(
                    "The packages of a format must be installed. Received: "
                    f"{what} without {', '.join(missing)}. Run `pip install "
                    f"{' '.join(missing)}`, or leave it out."
                )
