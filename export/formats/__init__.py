"""The formats, by their names; a new one is its file and a line here."""

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from atsc_keras.errors import InputError
from atsc_keras.packages import is_installed

from .base import Format, Variant
from .onnx import ONNX
from .saved_model import SavedModel
from .tflite import TFLite

FORMATS: Mapping[str, Format] = MappingProxyType(
    {kind.name: kind for kind in (SavedModel(), TFLite(), ONNX())}
)


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
        having = [k for k, f in FORMATS.items() if precision in f.precisions]
        if not set(having) & set(formats):
            raise InputError(
                "--precision must be one that a format of --formats has. "
                f"Received: {precision} with {', '.join(formats)}. It is "
                f"made for {' and '.join(having)}."
            )
    return [
        Variant(kind, precision, dtype)
        for kind in formats
        for precision in FORMATS[kind].precisions
        if precision == "float32" or precision in precisions
        for dtype in pixels
    ]


def check_packages(
    wanted: Sequence[Variant], way_out: str = "leave the format out"
) -> None:
    """See that what the variants need is installed.

    Args:
        wanted: files to write.
        way_out: what else one may do than install it.

    Raises:
        InputError: if not, with the line that installs it.
    """
    missing: dict[str, dict[str, None]] = {}  # format -> packages, in order
    for variant in wanted:
        needs = FORMATS[variant.format].needs[variant.precision]
        for module, package in needs.items():
            if not is_installed(module):
                missing.setdefault(variant.format, {})[package] = None
    if missing:
        received = "; ".join(
            f"{kind} without {', '.join(packages)}"
            for kind, packages in missing.items()
        )
        raise InputError(
            "The packages of a format must be installed. Received: "
            f'{received}. Run `pip install "atsc-keras[export]"`, or {way_out}.'
        )
