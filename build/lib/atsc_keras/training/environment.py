"""What a run runs on and learns from, so that a figure can be traced to it."""

import contextlib
import hashlib
import platform
import re
import resource
import sys
from importlib.metadata import version
from pathlib import Path

import keras

from atsc_keras.config import ExperimentConfig, config_digest
from atsc_keras.processes import command
from atsc_keras.records.models import Origin
from atsc_keras.training.experiment import Experiment

_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss


def describe_origin(job: str, experiment: Experiment) -> Origin:
    """Describe this process, and what it learns from.

    Args:
        job: what the run does.
        experiment: whose config counts, and the content of its data and of
            given weights, wherever they lie.
    """
    config = experiment.config
    backend = keras.backend.backend()
    return Origin(
        job=job,
        commands=(command(),),
        config=config,
        config_digest=config_digest(config),
        data_digest=experiment.dataset.digest,
        weights_digests=_weights_digests(config),
        python=platform.python_version(),
        platform=platform.platform(),
        backend=backend,
        keras=keras.__version__,
        framework=version(backend),
        numpy=version("numpy"),
        devices=tuple(_devices()),
        dtype_policy=keras.config.dtype_policy().name,
        seed=config.seed,
    )


def _weights_digests(config: ExperimentConfig) -> dict[str, str]:
    """Digest each file of weights that the config gives, by its place there."""
    teachers = {
        f"teacher.{place}": teacher.weights
        for place, teacher in enumerate(config.teachers)
    }
    named = {**teachers, "student": config.student.weights}
    return {place: _digest(name) for place, name in named.items() if name}


def _digest(name: str) -> str:
    """Digest a file's content; name what is no file, such as `imagenet`."""
    path = Path(name)
    if not path.is_file():
        return name
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _devices() -> list[str]:
    if keras.backend.backend() == "torch":
        # Keras 3.15 lists none there; a new tensor shows what is used.
        return [str(keras.ops.zeros(()).device)]
    return keras.distribution.list_devices()


def peak_memory(*, forget: bool = False) -> int:
    """Measure the largest resident size of this process so far, in bytes.

    Args:
        forget: begin anew, where the system can (Linux): the result is the
            present size; default no.
    """
    status, clear = (
        Path("/proc/self") / name for name in ("status", "clear_refs")
    )
    if not status.exists():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_maxrss * _PEAK_UNIT
    if forget:
        with contextlib.suppress(OSError):  # not every container may
            clear.write_text("5")
    # Not `ru_maxrss`, which a new process has from the one that started it.
    (kilobytes,) = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())
    return 1024 * int(kilobytes)
