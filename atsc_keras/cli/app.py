"""The command `atsc`: how it begins and ends."""

import os
import sys

from atsc_keras.endings import ended_in_one_message


def main() -> None:
    """Run a command; a wrong input ends it with status 2 and one message."""
    with ended_in_one_message():
        _find_own_modules()
        # What it imports may be missing.
        from atsc_keras.cli.program import app

        app()


def _find_own_modules() -> None:
    """Let a config name a module of the working directory.

    As `python -m` does; a script such as `atsc` has its own folder instead.
    """
    here = os.getcwd()
    if here not in sys.path and not sys.flags.safe_path:
        sys.path.insert(0, here)
