"""What is settled before Keras is imported, and who of several writes.

Several processes, such as one a machine, may train one model together. All do
the same, each on its rows of every batch. The first one writes the run
folder, which all of them read; the others wait until it has written.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atsc_keras.errors import InputError, first_line
from atsc_keras.files.whole import write_whole
from atsc_keras.packages import is_installed

_BACKENDS = ("tensorflow", "jax", "torch")
# Of `keras.distribution.initialize`.
_VARIABLES = (
    "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "KERAS_DISTRIBUTION_PROCESS_ID",
)
_LONGEST_DELAY = 60.0  # seconds until a network file system shows a new file
_BETWEEN_LOOKS = 0.1  # seconds


def prepare_frameworks() -> None:
    """Import Keras with its backend; keep TensorFlow's advice away.

    Raises:
        InputError: if the backend that `KERAS_BACKEND`, or else Keras's own
            settings, ask for is none of ours, or not installed.
    """
    asked = os.environ.get("KERAS_BACKEND")
    if asked:
        _check_name(asked, "KERAS_BACKEND")
        if not is_installed(asked):
            check_backend_is_installed(ModuleNotFoundError(name=asked))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        import keras
    except ModuleNotFoundError as error:
        check_backend_is_installed(error)
        raise
    _check_name(keras.backend.backend(), "backend")


def check_backend_is_installed(error: ModuleNotFoundError) -> None:
    """Say how to install the backend, if that is what could not be imported.

    Raises:
        InputError: if it is.
    """
    asked = os.environ.get("KERAS_BACKEND")
    missing = (error.name or "").partition(".")[0]
    if missing not in ([asked] if asked else _BACKENDS):
        return
    others = [name for name in _BACKENDS if is_installed(name)]
    way_out = f'Install it with pip install "atsc-keras[{missing}]"'
    if others:
        way_out += f", or set KERAS_BACKEND to {' or '.join(others)}"
    origin = "KERAS_BACKEND=" if asked else "no KERAS_BACKEND, so "
    raise InputError(
        f"The backend must be installed. Received: {origin}{missing}, "
        f"which is not. {way_out}."
    ) from error


def _check_name(backend: str, origin: str) -> None:
    if backend not in _BACKENDS:
        raise InputError(
            f"The backend must be one of {', '.join(_BACKENDS)}. Received: "
            f"{origin}={backend}. Set KERAS_BACKEND to one of them."
        )


def join_frameworks() -> None:
    """Prepare them, and become one of several processes if there are some.

    Raises:
        InputError: as `prepare_frameworks`, and where processes cannot join.
    """
    prepare_frameworks()
    join_processes()


def join_processes() -> None:
    """Make this process one of several, where its environment says so.

    Keras's variables say it, and are for its `keras.distribution.initialize`.
    To be called before anything is computed. All but the first process print
    nothing from then on.

    Raises:
        InputError: if the backend is not JAX, the variables are incomplete or
            wrong, or the processes do not find each other.
    """
    import keras

    given = {name: os.environ.get(name, "") for name in _VARIABLES}
    if keras.backend.backend() != "jax":
        _refuse_other_backends(given, keras.backend.backend())
        return
    if not any(given.values()):
        return
    address, count, index = given.values()
    if not (address and count.isdecimal() and index.isdecimal()) or (
        int(index) >= int(count)
    ):
        raise InputError(
            "A process of several must know the first one's address with its "
            "port, how many there are, and its own number from 0 on. "
            f"Received: {_shown(given)}. Set all three, or none."
        )
    try:
        keras.distribution.initialize()
    except (ValueError, RuntimeError) as error:
        raise InputError(
            "The processes must find each other. Received: "
            f"{_shown(given)} ({first_line(error)}). Start all of them, with "
            "an address of the first that the others reach."
        ) from error
    if not is_first():
        sys.stdout = open(os.devnull, "w", encoding="utf-8")


def _refuse_other_backends(given: dict[str, str], backend: str) -> None:
    wrong = ""
    if any(given.values()) and given[_VARIABLES[1]] != "1":
        wrong = _shown(given)
    elif backend == "tensorflow" and (count := _workers()) > 1:
        wrong = f"TF_CONFIG of {count} processes"
    if wrong:
        raise InputError(
            "Several machines train one model on JAX: on TensorFlow Keras 3's "
            "`fit` fails under MultiWorkerMirroredStrategy, on torch it uses "
            f"one device. Received: {wrong}, backend={backend}. Set "
            f"KERAS_BACKEND=jax and {', '.join(_VARIABLES)}."
        )


def _shown(given: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in given.items())


def _workers() -> int:
    """Count the processes of a TensorFlow cluster."""
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG", "{}"))["cluster"]
        return sum(len(addresses) for addresses in cluster.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return 1


def command() -> tuple[str, ...]:
    """Tell the words that started this process, as one types them."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return ("python", "-m", program.parent.name, *sys.argv[1:])
    return (program.name, *sys.argv[1:])


def process_place() -> tuple[int, int]:
    """Tell the number of this process, from 0, and how many train together.

    One that has not loaded Keras, such as for a report, is alone.
    """
    if "keras" not in sys.modules:
        return 0, 1
    from atsc_keras.backend import process_place as place_on_backend

    return place_on_backend()


def count_processes() -> int:
    """Count the processes that train together; 1 alone."""
    return process_place()[1]


def is_first() -> bool:
    """Tell whether this is the process that writes."""
    return process_place()[0] == 0


@contextmanager
def alone() -> Iterator[None]:
    """Share nothing that this process makes with others, while it lasts."""
    if count_processes() == 1:
        yield
        return
    import keras

    before = keras.distribution.distribution()
    # Keras makes variables even to save; shared ones wait for the others.
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def wait_for_all(what: str) -> None:
    """Go on when all processes have come here.

    Args:
        what: names the place; the same in all of them.
    """
    if count_processes() > 1:
        from atsc_keras.backend import wait_for_processes

        wait_for_processes(what)


def wait_for_file(path: Path) -> None:
    """Go on when the first process has written a file.

    Args:
        path: of the file.

    Raises:
        InputError: if this process never sees it.
    """
    wait_for_all(path.name)
    until = time.monotonic() + _LONGEST_DELAY
    while not path.exists():
        if time.monotonic() > until:
            raise InputError(
                "The run folder must be on a disk that all processes share. "
                f"Received: {path}, which the first has written and process "
                f"{process_place()[0]} does not see. Name another --run-dir."
            )
        time.sleep(_BETWEEN_LOOKS)


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole; see `write_whole`.

    Of several processes all call it and the first one writes.

    Raises:
        WriteError: if that fails; `path` is then as it was.
    """
    if is_first():
        with alone():
            write_whole(path, write)
    wait_for_file(path)
