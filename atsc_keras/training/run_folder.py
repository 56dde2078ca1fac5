"""The folder of one run: its files, and how they are written."""

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atsc_keras.config import ExperimentConfig
from atsc_keras.config import dump_config
from atsc_keras.config import load_config
from atsc_keras.errors import InputError


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a file beside `path`, then rename it there.

    The name keeps its suffix, which Keras insists on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".part-{path.name}")
    try:
        write(beside)
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


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
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> "RunFolder":
        """Start a run in a new folder, or go on in one that exists.

        Args:
            path: of the folder.
            config: of the run; written to `config.yaml`.
            resume: go on with what the folder holds.
            overwrite: delete what the folder holds.

        Returns:
            The folder, ready to be written to.

        Raises:
            InputError: if the folder holds something and neither is asked
                for, holds the run of another config, or cannot be written.
        """
        folder = cls(path)
        try:
            if path.exists() and any(path.iterdir()):
                folder._check_reuse(config, resume, overwrite)
                if overwrite:
                    shutil.rmtree(path)
            text = dump_config(config)
            folder.write_text("config.yaml", text)
        except OSError as error:
            raise InputError(
                "The run folder must be writable. Received: "
                f"--run-dir={path} ({error.strerror}). Name another folder."
            ) from error
        return folder

    def _check_reuse(
        self, config: ExperimentConfig, resume: bool, overwrite: bool
    ) -> None:
        known = self.file("config.yaml")
        if not known.exists():
            raise InputError(
                "A run folder must be new, empty, or made by an earlier run. "
                f"Received: --run-dir={self.path}, which holds other files. "
                "Name another folder."
            )
        if overwrite:
            return
        if not resume:
            raise InputError(
                "The run folder exists already. Received: "
                f"--run-dir={self.path}. Add --resume to go on with it, or "
                "--overwrite to start again."
            )
        if load_config(known) != config:
            raise InputError(
                "`--resume` needs the config that the run began with. "
                f"Received: a config that differs from {known}. Give that "
                "file as CONFIG, or use another --run-dir."
            )

    def file(self, name: str) -> Path:
        """Path of a file in the folder."""
        return self.path / name

    def write_text(self, name: str, text: str) -> None:
        write_atomically(
            self.file(name), lambda path: path.write_text(text, "utf-8")
        )

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def read_json(self, name: str) -> Any:
        """The value of a JSON file; None where there is none."""
        path = self.file(name)
        return json.loads(path.read_text("utf-8")) if path.exists() else None

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
