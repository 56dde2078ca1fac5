"""The words of `atsc predict` -> one call."""

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .job import read_size
from .predicting import TOP, Answer, Guess, PredictJob
from .predicting import predict as run

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def predict(
    file: Annotated[
        Path,
        typer.Argument(
            help="A classifier: .keras, .h5, .tflite or .onnx, or the folder "
            "of a SavedModel."
        ),
    ],
    picture: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures, and folders of them with the folders inside."
        ),
    ],
    top: Annotated[
        int | None,
        typer.Option(
            help=f"Classes of each picture; default: {TOP}, or all of fewer."
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON list, and nothing else."),
    ] = False,
    class_names: Annotated[
        Path | None,
        typer.Option(
            help="JSON list of class names; default: those in FILE, or "
            "class_names.json of its run."
        ),
    ] = None,
    pixel_range: Annotated[
        str | None,
        typer.Option(
            help="What FILE wants of its pixels where it neither scales them "
            "nor says so, as for `atsc export`. Default: 0..255."
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(help="N or HxW, for a FILE that takes any size."),
    ] = None,
    evaluation_resize: Annotated[
        int | None,
        typer.Option(
            help="Short side that pictures are resized to before the centre "
            "is cut out; default: that of FILE or its run, or no cut."
        ),
    ] = None,
) -> None:
    """Tell which classes pictures are of, by a file of any format.

    Pictures are read as training reads them.
    """
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print
        answers, notes = run(
            PredictJob(
                file,
                picture,
                top,
                class_names,
                pixel_range,
                None if image_size is None else read_size(image_size),
                evaluation_resize,
            )
        )
        for note in notes:
            print(f"Note: {note}")
    print(as_json_text(answers) if as_json else as_text(answers), flush=True)


def as_json_text(answers: Sequence[Answer]) -> str:
    """Write answers as a JSON list of objects, one a picture."""
    return json.dumps([asdict(x) for x in answers], indent=2, default=str)


def as_text(answers: Sequence[Answer]) -> str:
    """Write answers as a block of lines a picture, aligned over all."""
    width = max(len(_name(x)) for answer in answers for x in answer.classes)
    return "\n".join(
        "\n".join(
            [
                str(answer.file),
                *(
                    f"  {_name(x):<{width}}  {100 * x.probability:6.2f} %"
                    for x in answer.classes
                ),
            ]
        )
        for answer in answers
    )


def _name(guess: Guess) -> str:
    return f"class {guess.index}" if guess.name is None else guess.name
