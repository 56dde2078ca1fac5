"""The folder of one run: one writer, and a list of what it wrote."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from atsc_keras.config import ExperimentConfig, dump_config
from atsc_keras.errors import InputError, WriteError, named
from atsc_keras.files.whole import files_in, remove_files
from atsc_keras.processes import is_first, wait_for_all, write_atomically
from atsc_keras.records.clearing import clear, clear_parts, is_part
from atsc_keras.records.continuing import (
    CONFIG,
    check_inputs_survive,
    check_same,
)
from atsc_keras.records.locking import LOCKED, sole_writer
from atsc_keras.records.manifest import (
    Manifest,
    State,
    own_files,
    own_list,
    read_manifest,
    write_manifest,
)
from atsc_keras.records.models import EpochRow, Origin, Record
from atsc_keras.records.reading import (
    HISTORY,
    history_text,
    missing_record,
    read_history,
    read_record,
    record_text,
)
from atsc_keras.records.roles import Part

_Record = TypeVar("_Record", bound=Record)


class Run:
    """Where a run leaves what it made; `open` gives one to write to.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._manifest: Manifest | None = None  # of a writer

    @classmethod
    @contextmanager
    def open(
        cls,
        path: Path,
        origin: Origin,
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> Iterator["Run"]:
        """Start a run in a new folder, or go on in one that exists.

        While it lasts no other process may write there. Of several processes
        of one job the first writes.

        Args:
            path: of the folder.
            origin: of the run; with its config it is written first.
            resume: go on with what the folder holds.
            overwrite: delete what the run before has written there.

        Yields:
            The run, to write to.

        Raises:
            InputError: if the folder holds something and neither is asked
                for, holds another run or no run, or cannot be written.
            BusyError: if another process writes there.
            WriteError: if there is no room.
        """
        run = cls(path)
        with ExitStack() as stack:
            with run._naming_what_cannot_be_written():
                run._check(origin, resume, overwrite)
                wait_for_all("checked")  # nobody writes before all have looked
                if is_first():
                    run.path.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(sole_writer(run.path))
                    # Another may have ended in between.
                    if run._check(origin, resume, overwrite):
                        clear_parts(run.path)
                    else:
                        clear(run.path, keeps_config=origin.config is not None)
                wait_for_all("cleared")
                earlier = run.load(Origin)
                run._manifest = read_manifest(run.path)
                wait_for_all("read")
                commands = earlier.commands if earlier else ()
                run.write(
                    origin.model_copy(
                        update={"commands": (*commands, *origin.commands)}
                    )
                )
                if origin.config is not None:
                    run.write_text(CONFIG, dump_config(origin.config))
            yield run

    @classmethod
    @contextmanager
    def renew(cls, path: Path) -> Iterator["Run"]:
        """Open a run that is there, to write some of its records again.

        Raises:
            InputError: if the folder is none of a run.
            BusyError: if another process writes there.
        """
        run = cls(path)
        if run.load(Origin) is None:
            raise missing_record(run.path, Origin.file_name)
        with ExitStack() as stack:
            with run._naming_what_cannot_be_written():
                if is_first():
                    stack.enter_context(sole_writer(run.path))
                run._manifest = read_manifest(run.path)
            yield run

    @contextmanager
    def _naming_what_cannot_be_written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, WriteError) and error.is_for_room:
                raise
            reason = getattr(error, "reason", error.strerror)
            raise InputError(
                "The run folder must be writable. Received: "
                f"--run-dir={self.path} ({reason}). Name another folder, or "
                "change its permissions."
            ) from error

    @classmethod
    def look(
        cls,
        path: Path,
        config: ExperimentConfig,
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Check the folder of a run that is to come, as far as names tell.

        Raises:
            InputError: as `open`, but for what the run itself must be.
        """
        run = cls(path)
        with run._naming_what_cannot_be_written():
            run._check_names(config, resume, overwrite)

    def _check(self, origin: Origin, resume: bool, overwrite: bool) -> bool:
        goes_on = self._check_names(origin.config, resume, overwrite)
        if goes_on:
            check_same(self.path, origin, self.demand(Origin))
        return goes_on

    def _check_names(
        self, config: ExperimentConfig | None, resume: bool, overwrite: bool
    ) -> bool:
        """Look at what the folder holds; tell whether a run goes on there."""
        if resume and overwrite:
            raise InputError(
                "A run goes on or starts again. Received: --resume and "
                "--overwrite. Give one of them."
            )
        found, own = set(files_in(self.path)) - LOCKED, own_files(self.path)
        first = own & {Manifest.file_name, CONFIG}
        if found <= {*filter(is_part, own), *first}:  # killed at its begin
            return False
        foreign = sorted(found - own)
        none = not found & {Manifest.file_name, Origin.file_name}
        if foreign or none:
            shown = named(foreign) + none * f" and no {Origin.file_name}"
            raise InputError(
                "A run folder must be new, empty, or made by an earlier run. "
                f"Received: --run-dir={self.path}, which holds {shown}. "
                "Name another folder, or move what the run did not write."
            )
        if overwrite:  # whether its records are whole or not
            check_inputs_survive(self.path, config)
            return False
        if not resume:
            raise InputError(
                "The run folder exists already. Received: "
                f"--run-dir={self.path}. Add --resume to go on with it, or "
                "--overwrite to start again."
            )
        return True

    def file(self, name: str) -> Path:
        """Give the path of a file in the folder."""
        return self.path / name

    def model_file(self, part: Part) -> Path:
        """Give the path of a network's file in the folder."""
        return self.path / f"{part.stem}.keras"

    @property
    def state(self) -> dict[str, State]:
        """How each training ended, by the stem of its file; the one word."""
        manifest = self._manifest or read_manifest(self.path)
        return manifest.networks

    def note(self, stem: str, state: State) -> None:
        """Write down how a training ended."""
        networks = {**self._writable().networks, stem: state}
        self._write_manifest(networks=networks)

    def write_file(self, name: str, write: Callable[[Path], Any]) -> None:
        """Write a file, whole or not at all, and list it before.

        Args:
            name: its path from the folder on.
            write: is given the path to write to.

        Raises:
            WriteError: if that fails, or another's file has the name.
        """
        manifest = self._writable()
        if is_first() and not self.path.is_dir():
            # Written anew it would hold the half of a run.
            gone = OSError(errno.ENOENT, "the folder is gone")
            raise WriteError(self.path, gone)
        if name not in manifest.files:
            if is_first() and os.path.lexists(self.file(name)):
                taken = OSError(errno.EEXIST, "not the run's, but in its way")
                raise WriteError(self.file(name), taken)
            self._write_manifest(files=(*manifest.files, name))
        write_atomically(self.file(name), write)

    def list_inner(self, path: Path) -> None:
        """List a run inside this one: `--overwrite` deletes it too."""
        name = own_list(path.relative_to(self.path).as_posix())
        files = self._writable().files
        if name not in files:
            self._write_manifest(files=(*files, name))

    def remove(self, names: Sequence[str]) -> None:
        """Remove files of the run, and from its list."""
        manifest = self._writable()
        if not names or not is_first():  # nobody waits for what goes
            return
        remove_files(self.path, names)
        kept = tuple(name for name in manifest.files if name not in names)
        self._manifest = manifest.model_copy(update={"files": kept})
        write_manifest(self.path, self._manifest)

    def remove_folder(self, name: str) -> None:
        """Remove what the run wrote in a folder; see `remove`."""
        files = self._writable().files
        self.remove([file for file in files if file.startswith(f"{name}/")])

    def _writable(self) -> Manifest:
        if self._manifest is None:
            raise ValueError(f"{self.path} is not open for writing")
        return self._manifest

    def _write_manifest(self, **changes: Any) -> None:
        manifest = self._writable().model_copy(update=changes)
        self._manifest = manifest
        text = record_text(manifest)
        write_atomically(self.file(Manifest.file_name), _writing(text))

    def save(self, stem: str, model: Any) -> None:
        """Save a network as `<stem>.keras`: its training is done."""
        self.write_file(f"{stem}.keras", model.save)
        self.note(stem, "done")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file; see `write_file`."""
        self.write_file(name, _writing(text))

    def write(self, record: Record) -> None:
        """Write a record to its file."""
        self.write_text(record.file_name, record_text(record))

    def load(self, kind: type[_Record]) -> _Record | None:
        """Read a record; None where there is none; see `read_record`."""
        return read_record(self.path, kind)

    def demand(self, kind: type[_Record]) -> _Record:
        """Read a record that must be there.

        Raises:
            InputError: if it is not, or damaged.
        """
        record = self.load(kind)
        if record is None:
            raise missing_record(self.path, kind.file_name)
        return record

    def history(self) -> list[EpochRow]:
        """Read the rows of `history.csv`; none where there is none."""
        return read_history(self.path)

    def write_history(self, rows: Sequence[EpochRow]) -> None:
        """Write `history.csv`."""
        self.write_text(HISTORY, history_text(rows))


def _writing(text: str) -> Callable[[Path], int]:
    return lambda path: path.write_text(text, "utf-8", newline="\n")
