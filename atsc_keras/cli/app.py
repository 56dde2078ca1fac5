"""The command `atsc`: what it offers, and how it ends."""

import errno
import os
import sys
from typing import Annotated

import typer

import atsc_keras
from atsc_keras.cli import commands
from atsc_keras.cli.listing import list_names
from atsc_keras.errors import InputError, too_long

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
app.command(
    add_help_option=False,
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
    },
)(commands.export)
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


def main() -> None:
    """Run a command; a wrong input ends it with status 2 and one message."""
    _find_own_modules()
    try:
        app()
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "atsc_keras":
            raise
        print(
            "Error: Every package that this one needs must be installed. "
            f"Received: {error}. Run pip check, which names the package, and "
            "install that.",
            file=sys.stderr,
        )
        sys.exit(2)
    except (RuntimeError, OSError) as error:
        if getattr(error, "errno", None) == errno.ENAMETOOLONG:
            print(f"Error: {too_long(error)}", file=sys.stderr)
            sys.exit(2)
        # Only ours: those of frameworks and Python keep their traceback.
        if type(error).__module__.partition(".")[0] != "atsc_keras":
            raise
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


def _find_own_modules() -> None:
    """Let a config name a module of the working directory.

    As `python -m` does; a script such as `atsc` has its own folder instead.
    """
    here = os.getcwd()
    if here not in sys.path and not sys.flags.safe_path:
        sys.path.insert(0, here)
