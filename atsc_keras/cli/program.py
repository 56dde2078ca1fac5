"""What the command `atsc` offers."""

from typing import Annotated

import typer

import atsc_keras
from atsc_keras.cli import commands, exporter_commands
from atsc_keras.cli.listing import list_names

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (
    commands.train,
    commands.distill,
    commands.evaluate,
    commands.compare,
    commands.benchmark,
    commands.samples,
):
    app.command()(_command)
for _other in (exporter_commands.export, exporter_commands.predict):
    app.command(
        add_help_option=False,
        context_settings={
            "allow_extra_args": True,
            "ignore_unknown_options": True,
        },
    )(_other)
app.command("list")(list_names)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"atsc-keras {atsc_keras.__version__}")
        raise typer.Exit


@app.callback()
def _describe(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Distil small Keras classifiers from teachers that adapt to them."""
