"""SIGKILL at random moments, and what comes of the run: a log, by a command.

    python -m tools.kill_and_resume [--kills 20] [--seed 0] [--epochs 20]

Runs a small `distill` undisturbed, then the same job killed and resumed until
it is done, as often as there are kills. Half of them come at a random moment,
half while the checkpoint of a random epoch is being written. After each kill
every file that has its name must be readable; at the end weights and history
must be those of the undisturbed run, to the last bit. Exit status 1 if not.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import keras
import numpy as np

from atsc_keras.config import load_config
from atsc_keras.records.locking import LOCK
from tests.tiny_experiment import history, write_config


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_page(path: Path) -> None:
    if not path.read_text("utf-8").endswith("</html>\n"):
        raise ValueError(f"{path} is cut off")


def read_arrays(path: Path) -> list[np.ndarray]:
    with np.load(path) as arrays:
        return list(arrays.values())


def read_weights(path: Path) -> list[np.ndarray]:
    return keras.models.load_model(path, compile=False).get_weights()


READERS: dict[str, Callable[[Path], Any]] = {
    ".json": lambda path: json.loads(path.read_text("utf-8")),
    ".csv": read_csv,
    ".yaml": load_config,
    ".html": read_page,
    ".svg": ElementTree.parse,
    ".npz": read_arrays,
    ".keras": read_weights,
}


def read_every_file(run: Path) -> int:
    """Count them; what is half written under its own name raises."""
    files = [path for path in run.rglob("*") if path.is_file()]
    whole = [
        path for path in files if not path.name.startswith((".part-", LOCK))
    ]
    for path in whole:
        READERS[path.suffix](path)
    return len(whole)


def differences(run: Path, undisturbed: Path) -> list[str]:
    """What is not as in the undisturbed run."""
    found = []
    for path in sorted(undisturbed.glob("*.keras")):
        distance = max(
            float(np.abs(one.astype("float64") - two).max())
            for one, two in zip(
                read_weights(path), read_weights(run / path.name), strict=True
            )
        )
        if distance:
            found.append(f"{path.name} by {distance:.1e}")
    if history(run) != history(undisturbed):
        found.append("history.csv")
    return found + [str(path) for path in run.rglob(".part-*")]


class Job:
    """A process that distils, and when it began to write."""

    def __init__(self, config: Path, run: Path) -> None:
        self.run = run
        self._record = run / "environment.json"
        before = self._written()
        self._known = self._checkpoints()
        words: list[str | Path] = ["distill", config, "--run-dir", run]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "atsc_keras", *words, "--resume"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while self.is_alive() and self._written() == before:
            time.sleep(0.001)
        self._begun = time.monotonic()

    def _written(self) -> int:
        return self._record.stat().st_mtime_ns if self._record.exists() else 0

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def _checkpoints(self) -> set[str]:
        return {str(p) for p in self.run.glob("checkpoints/*/epoch-*")}

    def wait_until(self, seconds: float) -> None:
        while self.is_alive() and self.seconds() < seconds:
            time.sleep(0.001)

    def wait_for_writing(self, checkpoints: int) -> None:
        """Until it has written so many and writes another."""
        seen = set(self._known)
        while self.is_alive():
            seen |= self._checkpoints()
            if len(seen - self._known) >= checkpoints and any(
                self.run.glob("checkpoints/*/.part-*")
            ):
                return

    def kill(self) -> bool:
        """Kill it; whether it was still alive."""
        self.process.kill()
        status = self.process.wait()
        if status > 0:
            raise RuntimeError(f"`distill` has failed with status {status}")
        return status < 0


def where(run: Path) -> str:
    """How far a run has come."""
    saved = sorted(run.glob("checkpoints/*/epoch*"), key=os.path.getmtime)
    if not saved:
        return "no checkpoint"
    return f"{saved[-1].parent.name} {saved[-1].stem}"


def main(kills: int, seed: int, epochs: int) -> int:
    numbers = random.Random(seed)
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_config(folder, epochs)
        whole = Job(config, folder / "undisturbed")
        whole.wait_until(float("inf"))
        whole.kill()
        duration = whole.seconds()
        print(
            f"{keras.backend.backend()}, Keras {keras.version()}; undisturbed: "
            f"{duration:.1f} s from the first file to the last",
            flush=True,
        )
        done, runs = 0, 0
        while done < kills:
            runs += 1
            run = folder / f"run_{runs}"
            while True:
                job = Job(config, run)
                if done == kills:
                    job.wait_until(float("inf"))
                elif done % 2:
                    job.wait_for_writing(numbers.randrange(epochs // 2))
                else:
                    job.wait_until(numbers.uniform(0, duration))
                if not job.kill():
                    break
                done += 1
                parts = [path.name for path in run.rglob(".part-*")]
                print(
                    f"kill {done} after {job.seconds():.2f} s at "
                    f"{where(run)}: {read_every_file(run)} files whole"
                    f"{', left ' if parts else ''}{', '.join(parts)}",
                    flush=True,
                )
            found = differences(run, whole.run)
            failures += bool(found)
            print(
                f"run {runs} is done: {read_every_file(run)} files, "
                f"{'different: ' if found else 'the same as undisturbed'}"
                f"{', '.join(found)}",
                flush=True,
            )
    print(f"{done} kills, {runs} runs, {failures} of them different")
    return int(failures > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    sys.exit(main(**vars(parser.parse_args())))
