"""What can be written: formats, precisions, pixels; without any framework."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from atsc_keras.errors import InputError

FORMATS = ("saved_model", "tflite", "onnx")
PRECISIONS = ("float32", "float16", "dynamic", "int8")
PIXELS = ("float32", "uint8")
OUTPUTS = ("logits", "probabilities", "label")
# What each format has. TensorFlow quantises when it converts to TFLite, and
# onnxruntime's dynamic int8 is slower than its float32.
AVAILABLE = {
    "saved_model": ("float32",),
    "tflite": PRECISIONS,
    "onnx": ("float32", "float16", "int8"),
}


@dataclass(frozen=True)
class Variant:
    """One file to write.

    Attributes:
        format: of `FORMATS`.
        precision: of `PRECISIONS`: of weights and, but for "dynamic", of
            activations too. Logits are float32 always.
        pixels: dtype of the input, of `PIXELS`.
    """

    format: str
    precision: str = "float32"
    pixels: str = "float32"

    @property
    def quantized(self) -> bool:
        """Whether weights are whole numbers."""
        return self.precision in ("dynamic", "int8")

    def file_name(self, stem: str) -> str:
        """Such as `student.onnx` or `student_int8_from_uint8.tflite`."""
        parts = [stem if self.format != "saved_model" else self.format]
        if self.precision != "float32":
            parts.append(self.precision)
        if self.pixels != "float32":
            parts.append(f"from_{self.pixels}")
        name = "_".join(parts)
        return name if self.format == "saved_model" else f"{name}.{self.format}"


def parse_list(option: str, text: str, known: Sequence[str]) -> list[str]:
    """Split a comma-separated list of known names.

    Raises:
        InputError: for a name that is none, with the nearest one.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names or [text]:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise InputError(
                f"{option} must be of {', '.join(known)}. Received: "
                f"{name!r}. Did you mean {near[0]}?"
            )
    return list(dict.fromkeys(names))


def variants(
    formats: Sequence[str], precisions: Sequence[str], pixels: Sequence[str]
) -> list[Variant]:
    """Every combination that exists; float32 always.

    Raises:
        InputError: if none of the formats has one of the precisions.
    """
    for precision in precisions:
        if not any(precision in AVAILABLE[kind] for kind in formats):
            others = [k for k in FORMATS if precision in AVAILABLE[k]]
            raise InputError(
                "--precision must be one that a format of --formats has. "
                f"Received: {precision} with {', '.join(formats)}. It is "
                f"made for {' and '.join(others)}."
            )
    return [
        Variant(kind, precision, dtype)
        for kind in formats
        for precision in AVAILABLE[kind]
        if precision == "float32" or precision in precisions
        for dtype in pixels
    ]
