"""The proof of one file, in a process of its own, and its timing.

`python -m <this package>.proving JOB.json RESULT.json`: this process knows the
file and what Keras answered, and has not loaded the model.
"""

import errno
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from atsc_keras.errors import (
    OutOfMemoryError,
    first_line,
    is_full_disk,
    is_out_of_memory,
)
from atsc_keras.files.whole import write_whole
from atsc_keras.records.exports import Latency, Operations, Timing, Verdict
from atsc_keras.records.reading import record_text
from atsc_keras.signals import end_with_parent, run_process

from .formats import FORMATS
from .formats.base import INPUT, Variant
from .formats.opened import Predict
from .verification import Limits, Sample, verify

_TIMED_BATCHES = (1, 32)
_WARM_UP = 3  # runs
_FULL = 2**16  # bytes: a disk with fewer is full
_SECONDS = 1.0  # spent on each batch size
_RUNS = (5, 200)  # at least, at most


def rejected(reason: str) -> Verdict:
    """Reject a file that could not be made or opened."""
    return Verdict(accepted=False, reason=reason)


def tensorflow_threads(count: int) -> dict[str, str]:
    """Set the environment that TensorFlow takes its threads from."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, str(count))


def prove(
    variant: Variant,
    path: Path,
    samples: Sequence[Path],
    limits: Limits,
    threads: int = 1,
) -> Verdict:
    """Open a file in a new process, compare it, inspect it and time it.

    Args:
        variant: what the file is.
        path: of the file.
        samples: saved ones, to compare on.
        limits: what may differ.
        threads: of the runtime; default 1.

    Returns:
        The verdict of `verify`, with operations and latency. A process that
        dies is a verdict too.
    """
    with tempfile.TemporaryDirectory() as folder:
        job, result = Path(folder, "job.json"), Path(folder, "result.json")
        job.write_text(
            json.dumps(
                {
                    "variant": asdict(variant),
                    "path": str(path.resolve()),
                    "samples": [str(sample.resolve()) for sample in samples],
                    "limits": asdict(limits),
                    "threads": threads,
                }
            ),
            "utf-8",
        )
        status, _, errors = run_process(
            [sys.executable, "-m", f"{__package__}.proving", job, result],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                **_import_path(),
                **tensorflow_threads(threads),
            },
        )
        if not result.exists():
            last = (errors.strip() or "no message").splitlines()[-1]
            failure = f"the process that opened it ended with {status}: {last}"
            if status == -signal.SIGKILL:
                raise OutOfMemoryError(
                    "The proof of a file must fit in memory. Received: "
                    f"{path.name}, whose process was killed from outside. Free "
                    "memory, or take fewer images with --test-images."
                )
            check_machine(RuntimeError(failure), Path(folder))
            return rejected(failure)
        return Verdict.model_validate_json(result.read_bytes())


def check_machine(error: Exception, *folders: Path) -> None:
    """See that a file is broken, and no machine too small or incomplete.

    Args:
        error: of a converter, a runtime or a process.
        folders: that were written to.

    Raises:
        ModuleNotFoundError: if a package misses one that it needs.
        OSError: if a disk is full.
        OutOfMemoryError: if memory was too small.
    """
    if isinstance(error, ModuleNotFoundError):
        raise error
    full = [x for x in folders if shutil.disk_usage(x).free < _FULL]
    if full or is_full_disk(error):
        place = [str(folder) for folder in (full or folders)[:1]]
        raise OSError(errno.ENOSPC, first_line(error), *place) from error
    if is_out_of_memory(error):
        raise OutOfMemoryError(
            "An export must fit in memory. Received: "
            f"{first_line(error)}. Free memory, give a smaller --image-size "
            "where MODEL takes any, or fewer --test-images."
        ) from error


def _import_path() -> dict[str, str]:
    """How a new process finds this package: in the tree it is not installed."""
    if __package__ != "export":
        return {}
    given = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).parent.parent)
    return {"PYTHONPATH": os.pathsep.join([root, *([given] if given else [])])}


def measure_latency(predict: Predict, images: np.ndarray) -> Latency:
    """Time an opened file, warm.

    Args:
        predict: images -> outputs.
        images: `(N, H, W, C)`, repeated to fill a batch.

    Returns:
        Times of a whole batch of 1 and of 32.
    """
    result = {}
    for size in _TIMED_BATCHES:
        seconds = _timed(predict, np.resize(images, (size, *images.shape[1:])))
        result[str(size)] = Timing(
            min_ms=round(1e3 * min(seconds), 4),
            median_ms=round(1e3 * statistics.median(seconds), 4),
            runs=len(seconds),
        )
    return result


def _timed(predict: Predict, batch: np.ndarray) -> list[float]:
    for _ in range(_WARM_UP):
        predict(batch)
    seconds: list[float] = []
    fewest, most = _RUNS
    while len(seconds) < most:
        if len(seconds) >= fewest and sum(seconds) > _SECONDS:
            break
        started = time.perf_counter()
        predict(batch)
        seconds.append(time.perf_counter() - started)
    return seconds


def _work(job: Path) -> Verdict:
    order = json.loads(job.read_text("utf-8"))
    variant = Variant(**order["variant"])
    path = Path(order["path"])
    samples = [
        Sample.load(Path(name), variant.pixels) for name in order["samples"]
    ]
    kind = FORMATS[variant.format]
    try:
        found = kind.operations(path)
        predict = kind.open(path, order["threads"])
        if [*predict.inputs] != [INPUT]:
            raise ValueError(
                f"inputs are {[*predict.inputs]}, not {INPUT!r} alone"
            )
        verdict = verify(predict, samples, Limits(**order["limits"]))
    except Exception as error:  # runtimes raise anything
        check_machine(error, path.parent)
        return rejected(f"{type(error).__name__}: {first_line(error)}")
    latency = measure_latency(predict, samples[-1].images)
    if found is None:
        return verdict.model_copy(update={"latency": latency})
    verdict = verdict.model_copy(
        update={
            "operations": found,
            "latency": latency,
            "note": _could_be_better(found),
        }
    )
    if found.custom:
        return verdict.but(
            f"operations that few runtimes have: {[*found.custom]}"
        )
    return verdict


def _could_be_better(found: Operations) -> str | None:
    """Name what costs time and is not wrong."""
    if not found.unfolded_batch_norms:
        return None
    return (
        f"{found.unfolded_batch_norms} batch normalisations were not folded "
        "into the convolutions before them; the numbers are right"
    )


def _main(job: Path, result: Path) -> None:
    end_with_parent()
    text = record_text(_work(job))
    write_whole(result, lambda path: path.write_text(text, "utf-8"))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
