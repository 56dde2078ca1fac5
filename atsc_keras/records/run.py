"""The folder of one run: its files, and how they are written."""

import csv
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from atsc_keras.config import ExperimentConfig, dump_config, load_config
from atsc_keras.errors import InputError, WriteError
from atsc_keras.files.whole import PART
from atsc_keras.processes import is_first, wait_for_all, write_atomically
from atsc_keras.records.roles import Part, is_part

LEARNING_RATES = "learning_rates.json"  # of a comparison, as chosen
ADAPTATION = "adaptation.json"  # how far the layers of teachers moved


_MODEL = "model"  # of `train`: its one result

# What a run writes beside its networks; a folder with anything else is never
# deleted.
_OWN = {
    *("config.yaml", "environment.json", "history.csv", "metrics.json"),
    *("samples.npz", "class_names.json", "report.html", "figures"),
    *("checkpoints", "export"),
    *("runs", "comparison.json", "comparison.csv", "comparison.md"),
    *("rates", LEARNING_RATES, ADAPTATION),
    *("benchmark.json", "benchmark.md"),
}


def _is_own(entry: Path) -> bool:
    name = entry.name.removeprefix(PART)
    if not name.endswith(".keras"):
        return name in _OWN
    stem = name.removesuffix(".keras")
    return stem == _MODEL or is_part(stem)


def _is_part(entry: Path) -> bool:
    """Whether a killed run was writing it."""
    return entry.name.startswith(PART) and _is_own(entry)


def damaged_record(path: Path, reason: str) -> InputError:
    """The error for a file of a run that is not as the run wrote it."""
    return InputError(
        "The records of a run must be as the run wrote them. Received: "
        f"{path} ({reason}). Restore the file, or run again with --overwrite."
    )


class RunFolder:
    """Where a run leaves what it made.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(
        cls,
        path: Path,
        config: ExperimentConfig,
        environment: dict[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> "RunFolder":
        """Start a run in a new folder, or go on in one that exists.

        Args:
            path: of the folder.
            config: of the run; written to `config.yaml`.
            environment: written to `environment.json`; its `job` says what
                the run does.
            resume: go on with what the folder holds.
            overwrite: delete what the folder holds.

        Returns:
            The folder, ready to be written to.

        Raises:
            InputError: if the folder holds something and neither is asked
                for, holds another run or no run, or cannot be written.
            WriteError: if there is no room.
        """
        if resume and overwrite:
            raise InputError(
                "A run goes on or starts again. Received: --resume and "
                "--overwrite. Give one of them."
            )
        folder = cls(path)
        try:
            if path.exists() and not all(map(_is_part, path.iterdir())):
                folder._check_reuse(
                    config, environment["job"], resume, overwrite
                )
            wait_for_all("checked")  # nobody writes before all have looked
            if is_first() and path.exists():
                if overwrite:
                    shutil.rmtree(path)
                folder._remove_parts()
            folder.write_json("environment.json", environment)
            folder.write_text("config.yaml", dump_config(config))
        except OSError as error:
            if isinstance(error, WriteError) and error.is_for_room:
                raise
            reason = getattr(error, "reason", error.strerror)
            raise InputError(
                "The run folder must be writable. Received: "
                f"--run-dir={path} ({reason}). Name another folder."
            ) from error
        return folder

    def _remove_parts(self) -> None:
        """Remove what a killed run was writing."""
        for part in self.path.rglob(f"{PART}*"):
            if part.is_dir():  # of an export
                shutil.rmtree(part)
            else:
                part.unlink()

    def _check_reuse(
        self, config: ExperimentConfig, job: str, resume: bool, overwrite: bool
    ) -> None:
        foreign = [
            entry.name for entry in self.path.iterdir() if not _is_own(entry)
        ]
        environment = self.read_json("environment.json")
        if foreign or not environment:
            shown = ", ".join(sorted(foreign)[:3]) or "no environment.json"
            raise InputError(
                "A run folder must be new, empty, or made by an earlier run. "
                f"Received: --run-dir={self.path}, which holds {shown}. "
                "Name another folder."
            )
        if overwrite:
            self._check_inputs_survive(config)
        elif not resume:
            raise InputError(
                "The run folder exists already. Received: "
                f"--run-dir={self.path}. Add --resume to go on with it, or "
                "--overwrite to start again."
            )
        elif environment.get("job") != job:
            raise InputError(
                "`--resume` must go on with the same job. Received: "
                f"{job}, --run-dir={self.path} of {environment.get('job')}. "
                "Name another folder."
            )
        elif self.file("config.yaml").exists():
            self.check_same_config(config)

    def _check_inputs_survive(self, config: ExperimentConfig) -> None:
        inputs = [
            config.data.path,
            config.student.weights,
            *(teacher.weights for teacher in config.teachers),
        ]
        for path in filter(None, inputs):
            if Path(path).resolve().is_relative_to(self.path.resolve()):
                raise InputError(
                    "`--overwrite` must not delete what the run reads. "
                    f"Received: {path} inside --run-dir={self.path}. Name "
                    "another folder."
                )

    def check_same_config(self, config: ExperimentConfig) -> None:
        """Check that a config is that of the folder.

        Raises:
            InputError: if it is not; every difference is named.
        """
        known = self.file("config.yaml")
        before, now = (
            dict(_flat(c.model_dump(mode="json")))
            for c in (load_config(known), config)
        )
        changed = [
            f"{key}={now.get(key)!r} instead of {before.get(key)!r}"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key)
        ]
        if changed:
            raise InputError(
                "`--resume` needs the config that the run began with. "
                f"Received: {'; '.join(changed)}. Give {known} as CONFIG, or "
                "use another --run-dir."
            )

    def file(self, name: str) -> Path:
        """Path of a file in the folder."""
        return self.path / name

    def model_file(self, part: Part) -> Path:
        """Path of a network's file in the folder."""
        return self.path / f"{part.stem}.keras"

    def write_text(self, name: str, text: str) -> None:
        write_atomically(
            self.file(name), lambda path: path.write_text(text, "utf-8")
        )

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def read_json(self, name: str) -> Any:
        """The value of a JSON file; None where there is none.

        Raises:
            InputError: if it is damaged.
        """
        path = self.file(name)
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise damaged_record(path, str(error)) from error

    def read_history(self) -> list[dict[str, str]]:
        """The rows of `history.csv`; none where there is none."""
        path = self.file("history.csv")
        if not path.exists():
            return []
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def write_history(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write `history.csv`: one row an epoch, blank where no value."""
        names = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.write_text("history.csv", text.getvalue())


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Scalars of nested mappings and lists by their dotted keys."""
    if isinstance(value, dict):
        inner: Any = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        yield key, value
        return
    for name, part in inner:
        yield from _flat(part, f"{key}.{name}" if key else str(name))
