"""Numbers as the command line takes them: by commas."""

from typing import TypeVar

from atsc_keras.errors import InputError

_Number = TypeVar("_Number", int, float)


def parse_numbers(option: str, text: str, kind: type[_Number]) -> list[_Number]:
    """Reads the numbers of an option.

    Args:
        option: Its name, for the message.
        text: Numbers by commas; may be empty.
        kind: `int` or `float`.

    Raises:
        InputError: They are no numbers of that kind.
    """
    try:
        return [kind(part) for part in text.split(",") if text]
    except ValueError as error:
        whole = "whole numbers" if kind is int else "numbers"
        example = "0,1,2" if kind is int else "0.05,0.2"
        raise InputError(
            f"`{option}` must be {whole}, by commas. Received: "
            f"{option}={text}. Write, for example, {option} {example}."
        ) from error
