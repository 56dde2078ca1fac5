"""What a saved network wants of its pixels, as a config says it."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from atsc_keras.config.strict_model import mistake
from atsc_keras.pixels import PixelsMistake, read_pixels


def _read(value: Any, info: ValidationInfo) -> Any:
    if value is None:
        return None
    # Absent from `data` means that weights had a mistake of its own.
    weights = info.data.get("weights", ".keras")
    if weights is None or not weights.endswith(".keras"):
        raise mistake(
            "is only for weights of a saved `.keras` file",
            "Leave it out: what is built here, or comes with weights of a "
            "library, normalises pixels itself.",
        )
    try:
        return read_pixels(value).name
    except PixelsMistake as found:
        raise mistake(found.rule, found.way_out) from found


PixelsOfFile = Annotated[str | None, BeforeValidator(_read)]
