"""What a run ran on, so that a figure can be traced to it."""

import platform
import resource
import sys
from importlib.metadata import version
from typing import Any

import keras

_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss


def describe_environment(job: str, seed: int) -> dict[str, Any]:
    """Versions, backend, devices and seed of this process.

    Args:
        job: what the run does.
        seed: of the run.

    Returns:
        A JSON-ready mapping.
    """
    backend = keras.backend.backend()
    return {
        "job": job,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "backend": backend,
        "keras": keras.__version__,
        backend: version(backend),
        "numpy": version("numpy"),
        "devices": _devices(),
        "dtype_policy": keras.config.dtype_policy().name,
        "seed": seed,
    }


def _devices() -> list[str]:
    if keras.backend.backend() == "torch":
        # Keras 3.15 lists none there; a new tensor shows what is used.
        return [str(keras.ops.zeros(()).device)]
    return keras.distribution.list_devices()


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_maxrss * _PEAK_UNIT
