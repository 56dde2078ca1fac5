"""The words that commands share, and numbers by commas."""

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from atsc_keras.errors import InputError, shortened

Config = Annotated[
    Path,
    typer.Argument(
        help="Experiment file (YAML), or the name of a shipped one; "
        "`list` shows them.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Changes to it, each key.sub=value."),
]
RunDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the run; default: runs/NAME, of `train` "
        "runs/NAME_ROLE, of `compare` runs/NAME_comparison, of `benchmark` "
        "runs/NAME_benchmark; NAME is the config's."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with an interrupted run.")
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Delete an earlier run first; refused if its folder holds "
        "anything else.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="Say only where the result is."),
]

_Number = TypeVar("_Number", int, float)


def parse_numbers(option: str, text: str, kind: type[_Number]) -> list[_Number]:
    """Read the numbers of an option.

    Args:
        option: its name, for the message.
        text: numbers by commas; may be empty.
        kind: `int` or `float`.

    Raises:
        InputError: if they are no numbers of that kind.
    """
    try:
        return [kind(part) for part in text.split(",") if text]
    except ValueError as error:
        whole = "whole numbers" if kind is int else "numbers"
        example = "0,1,2" if kind is int else "0.05,0.2"
        raise InputError(
            f"`{option}` must be {whole}, by commas. Received: "
            f"{option}={shortened(text)}. Write, for example, {option} "
            f"{example}."
        ) from error
