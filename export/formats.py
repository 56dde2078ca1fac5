"""The names of the formats, known without loading any framework."""

import difflib

from export.errors import ExportError

FORMATS = ("saved_model", "tflite", "onnx")


def parse_formats(text: str) -> list[str]:
    """Split a comma-separated list of formats.

    Raises:
        ExportError: for a name that is none, with the nearest one.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names or [text]:
        if name not in FORMATS:
            near = difflib.get_close_matches(name, FORMATS, n=1, cutoff=0.0)
            raise ExportError(
                f"--formats must be of {', '.join(FORMATS)}. Received: "
                f"{name!r}. Did you mean {near[0]}?"
            )
    return list(dict.fromkeys(names))
