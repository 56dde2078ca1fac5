"""The command line, killed while it writes a file.

    python -m tests.killed_in_writing FILE train CONFIG ...

SIGKILL comes when a file whose path ends so is written, but not in its place.
"""

import os
import runpy
import signal
import sys

from atsc_keras.training import first_checks, networks
from tests.tiny_experiment import build_tiny_too, check_name


def main(file_name: str, words: list[str]) -> None:
    fsync = os.fsync

    def kill(file: int) -> None:
        path = os.readlink(f"/proc/self/fd/{file}")
        if path.replace("/.part-", "/").endswith(file_name):
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)

    os.fsync = kill
    networks.build_classifier = build_tiny_too
    first_checks.check_network_name = check_name
    sys.argv = ["atsc_keras", *words]
    runpy.run_module("atsc_keras", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
