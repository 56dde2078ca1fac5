"""Records as files: read whole and checked, or one message."""

import csv
import io
import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from atsc_keras.errors import InputError, first_line
from atsc_keras.records.models import (
    SCHEMA_VERSION,
    EpochRow,
    Origin,
    Record,
)
from atsc_keras.records.upgrading import upgraded

HISTORY = "history.csv"
_LARGEST = 2**27  # bytes of a record; a long training has some MB
_Record = TypeVar("_Record", bound=Record)


def damaged_record(path: Path, reason: str) -> InputError:
    """Make the error for a file of a run that is not as the run wrote it."""
    return InputError(
        "The records of a run must be as the run wrote them. Received: "
        f"{path} ({reason}). Restore the file, or run again with --overwrite."
    )


def missing_record(folder: Path, name: str) -> InputError:
    """Make the error for a file of a run that is not there."""
    begun = name != Origin.file_name
    way_out = (
        "finish the run with --resume"
        if begun
        else "begin the run again with --overwrite"
    )
    return InputError(
        f"A run folder must hold {name}. Received: {folder}, which does not. "
        f"Name the folder of a finished run, or {way_out}."
    )


def read_record(folder: Path, kind: type[_Record]) -> _Record | None:
    """Read a record; None where there is none.

    One of release 0.1 is given the form of today.

    Args:
        folder: that holds it.
        kind: of the record.

    Raises:
        InputError: if it is damaged, or of a later release.
    """
    path = folder / kind.file_name
    text = _read(path)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except Exception as error:  # too deep, too long a number, no JSON
        raise damaged_record(path, first_line(error)) from error
    return parse_record(kind, value, path)


def parse_record(kind: type[_Record], value: Any, path: Path) -> _Record:
    """Check what a file holds; see `read_record`."""
    version = value.get("schema_version") if isinstance(value, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError(
            "A record must be of this release or an earlier one. Received: "
            f"{path} of schema {version}; this one knows {SCHEMA_VERSION}. "
            "Install a later atsc-keras."
        )
    try:
        text = json.dumps(upgraded(kind, value))
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise damaged_record(path, _first_mistake(error)) from error
    except Exception as error:  # of another shape, in any place
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise damaged_record(path, reason) from error


def _first_mistake(error: ValidationError) -> str:
    mistake, *others = error.errors(include_url=False)
    place = ".".join(map(str, mistake["loc"])) or "the whole"
    more = f"; {len(others)} more" if others else ""
    return f"{place}: {mistake['msg']}{more}"


def _read(path: Path) -> str | None:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would never end
            raise damaged_record(path, "is no file")
        if found.st_size > _LARGEST:
            reason = f"has {found.st_size} bytes, more than {_LARGEST}"
            raise damaged_record(path, reason)
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise damaged_record(path, str(error)) from error


def read_history(folder: Path) -> list[EpochRow]:
    """Read the rows of `history.csv`; none where there is none.

    Raises:
        InputError: if it is damaged.
    """
    path = folder / HISTORY
    text = _read(path)
    rows = []
    reader = csv.DictReader((text or "").splitlines())
    try:
        for row in reader:
            known = {key: value for key, value in row.items() if value}
            rows.append(EpochRow.model_validate(known))
    except ValidationError as error:
        reason = f"line {reader.line_num}: {_first_mistake(error)}"
        raise damaged_record(path, reason) from error
    except Exception as error:  # no table at all
        reason = f"line {reader.line_num}: {first_line(error)}"
        raise damaged_record(path, reason) from error
    return rows


def history_text(rows: Sequence[EpochRow]) -> str:
    """Write `history.csv` as text: one line an epoch, blank where no value."""
    lines = [row.model_dump(exclude_none=True) for row in rows]
    names = list(dict.fromkeys(key for line in lines for key in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def record_text(record: BaseModel) -> str:
    """Write a record as JSON."""
    return record.model_dump_json(indent=2) + "\n"
