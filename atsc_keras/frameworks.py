"""What is settled before Keras is imported."""

import importlib.util
import logging
import os

from atsc_keras.errors import InputError

_BACKENDS = ("tensorflow", "jax", "torch")


def prepare_frameworks() -> None:
    """Check the backend that is asked for; keep TensorFlow's advice away.

    Raises:
        InputError: if `KERAS_BACKEND` names none, or one not installed.
    """
    backend = os.environ.get("KERAS_BACKEND")
    if backend and backend not in _BACKENDS:
        raise InputError(
            f"The backend must be one of {', '.join(_BACKENDS)}. Received: "
            f"KERAS_BACKEND={backend}. Set it to one of them, or leave it out."
        )
    if backend and importlib.util.find_spec(backend) is None:
        raise InputError(
            "The backend must be installed. Received: KERAS_BACKEND="
            f"{backend}, which is not. Install it with pip install {backend}."
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def join_frameworks() -> None:
    """Prepare them, and become one of several processes if there are some.

    Raises:
        InputError: as `prepare_frameworks`, and where processes cannot join.
    """
    prepare_frameworks()
    # Before any framework computes.
    from atsc_keras.training.processes import join_processes

    join_processes()
