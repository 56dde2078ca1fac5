"""A value that comes by another way passes the checks of a config."""

from typing import Any

from pydantic import ValidationError

from atsc_keras.config.mistakes import describe
from atsc_keras.config.strict_model import StrictModel
from atsc_keras.errors import InputError


def check_value(
    section: type[StrictModel], key: str, value: Any, what: str
) -> None:
    """See that a config could say a value.

    Args:
        section: of a config.
        key: of that section.
        value: for it.
        what: how a message calls it, such as "--seeds".

    Raises:
        InputError: if not.
    """
    try:
        section.model_validate({key: value})
    except ValidationError as error:
        lines = describe(error, section)
        wrong = [line for line in lines if line.startswith(key)]
        if wrong:
            raise InputError(
                f"`{what}` must be what a config takes as {wrong[0]}"
            ) from error
