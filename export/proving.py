"""The proof of one file, in a process of its own.

`python -m <this package>.proving JOB.json RESULT.json`: this process knows the
file and what Keras answered, and has not loaded the model.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from atsc_keras.errors import first_line
from atsc_keras.files.whole import write_whole

from .formats import FORMATS
from .formats.base import Variant
from .latency import measure_latency
from .verification import Limits, Sample, verify

_NOTHING: dict[str, Any] = {
    "max_difference": None,
    "mean_difference": None,
    "top1_agreement": None,
    "accuracy": None,
    "checks": [],
    "operations": None,
    "latency": None,
}


def rejected(reason: str) -> dict[str, Any]:
    """The verdict on a file that could not be made or opened."""
    return {"accepted": False, "reason": reason, **_NOTHING}


def tensorflow_threads(count: int) -> dict[str, str]:
    """The environment that TensorFlow takes its number of threads from."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, str(count))


def prove(
    variant: Variant,
    path: Path,
    samples: Sequence[Path],
    limits: Limits,
    threads: int = 1,
) -> dict[str, Any]:
    """Open a file in a new process, compare it, inspect it and time it.

    Args:
        variant: what the file is.
        path: of the file.
        samples: saved ones, to compare on.
        limits: what may differ.
        threads: of the runtime; default 1.

    Returns:
        The verdict of `verify`, with `operations` and `latency`. A process
        that dies is a verdict too.
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
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.proving", job, result],
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                **_import_path(),
                **tensorflow_threads(threads),
            },
        )
        if not result.exists():
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            return rejected(
                f"the process that opened it ended with {done.returncode}: "
                f"{last}"
            )
        verdict: dict[str, Any] = json.loads(result.read_text("utf-8"))
        return verdict


def _import_path() -> dict[str, str]:
    """How a new process finds this package: in the tree it is not installed."""
    if __package__ != "export":
        return {}
    given = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).parent.parent)
    return {"PYTHONPATH": os.pathsep.join([root, *([given] if given else [])])}


def _work(job: Path) -> dict[str, Any]:
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
        verdict = verify(predict, samples, Limits(**order["limits"]))
    except Exception as error:  # runtimes raise anything
        return rejected(f"{type(error).__name__}: {first_line(error)}")
    verdict["operations"] = found
    verdict["latency"] = measure_latency(predict, samples[-1].images)
    if found and found["custom"]:
        fault = f"operations that few runtimes have: {found['custom']}"
        verdict.update(accepted=False, reason=fault)
    elif found and found["unfolded_batch_norms"]:
        fault = (
            f"{found['unfolded_batch_norms']} batch normalisations were not "
            "folded into the convolutions before them"
        )
        verdict.update(accepted=False, reason=fault)
    return verdict


def _main(job: Path, result: Path) -> None:
    text = json.dumps(_work(job))
    write_whole(result, lambda path: path.write_text(text, "utf-8"))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
