"""What is settled before Keras is imported."""

import importlib.util
import logging
import os

from atsc_keras.errors import InputError

_BACKENDS = ("tensorflow", "jax", "torch")


def prepare_frameworks() -> None:
    """Import Keras with its backend; keep TensorFlow's advice away.

    Raises:
        InputError: if the backend that `KERAS_BACKEND`, or else Keras's own
            settings, ask for is none of ours, or not installed.
    """
    asked = os.environ.get("KERAS_BACKEND")
    if asked:
        _check_name(asked, "KERAS_BACKEND")
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
    others = [name for name in _BACKENDS if _is_installed(name)]
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


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def join_frameworks() -> None:
    """Prepare them, and become one of several processes if there are some.

    Raises:
        InputError: as `prepare_frameworks`, and where processes cannot join.
    """
    prepare_frameworks()
    # Before any framework computes.
    from atsc_keras.training.processes import join_processes

    join_processes()
