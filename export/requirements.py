"""Packages that only some formats or precisions need."""

import importlib.util
from collections.abc import Sequence

from atsc_keras.errors import InputError

from .formats import Variant

# (format, precision or None for all) -> modules and the names to install.
_NEEDS = {
    ("saved_model", None): {"tensorflow": "tensorflow"},
    ("tflite", None): {
        "tensorflow": "tensorflow",
        "ai_edge_litert": "ai-edge-litert",
    },
    ("onnx", None): {
        "tensorflow": "tensorflow",
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
    missing: dict[str, list[str]] = {}
    for variant in variants:
        for precision in (None, variant.precision):
            for module, package in _NEEDS.get(
                (variant.format, precision), {}
            ).items():
                if importlib.util.find_spec(module) is None:
                    missing.setdefault(variant.format, []).append(package)
    if missing:
        received = "; ".join(
            f"{kind} without {', '.join(dict.fromkeys(packages))}"
            for kind, packages in missing.items()
        )
        raise InputError(
            "The packages of a format must be installed. Received: "
            f"{received}. Run `pip install "
            '"atsc-keras[export]"`, or leave the format out.'
        )
