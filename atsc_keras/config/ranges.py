"""What numbers and texts may be: no slip of the pen becomes days of work."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from atsc_keras.config.strict_model import mistake

# Far above what anybody trains with; below it, numbers stay finite in float32.
MOST_EPOCHS = 100_000
MOST_BATCHES = 1_000_000  # of one update, or of one call of the backend
MOST_PIXELS = 8192  # a side
MOST_DEVICES = 1024
LARGEST_SEED = 2**32 - 1  # of keras.utils.set_random_seed
_MOST_NAME_BYTES = 255  # of a file

Spread = Annotated[float, Field(ge=1e-3, le=255)]  # in the same
# Held to that as a pair, by `check_shares`.
Share = Annotated[
    float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})
]
PixelUnits = Annotated[float, Field(ge=0, le=255)]
Epoch = Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
DeviceCount = Annotated[int, Field(gt=0, le=MOST_DEVICES)]
Weight = Annotated[float, Field(ge=0, le=3e38)]  # of a loss
# Logits that are divided by less overflow.
Temperature = Annotated[float, Field(ge=0.01, le=1000)]


def check_shares(
    value: tuple[float, ...], *, smallest_may_be_zero: bool = False
) -> tuple[float, ...]:
    """Check a range of shares.

    Args:
        value: what the config gives.
        smallest_may_be_zero: whether 0 is a share.

    Returns:
        The same.

    Raises:
        PydanticCustomError: if it is not two shares in increasing order.
    """
    lowest = "0 <=" if smallest_may_be_zero else "0 <"
    if (
        len(value) != 2
        or value[0] < 0
        or (value[0] == 0 and not smallest_may_be_zero)
        or not value[0] <= value[1] <= 1
        or value[1] == 0
    ):
        raise mistake(
            "must be a smallest and a largest share with "
            f"{lowest} smallest <= largest <= 1",
            "Write, for example, [0.08, 1.0].",
        )
    return value


def check_pattern(value: str) -> None:
    """See that layers can be sought by a text.

    Raises:
        PydanticCustomError: if it is no regular expression.
    """
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise mistake(
            f"must hold names of layers or regular expressions ({error})",
            "For any ending write `.*`.",
        ) from error


def _check_path(value: str) -> str:
    parts = value.replace("\\", "/").split("/")
    if max(len(part.encode()) for part in parts) > _MOST_NAME_BYTES:
        raise mistake(
            f"must be a path of names of at most {_MOST_NAME_BYTES} bytes",
            "Check the path.",
        )
    return value


FilePath = Annotated[
    str, Field(min_length=1, max_length=4096), AfterValidator(_check_path)
]
