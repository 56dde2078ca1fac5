"""What a new run, or one that goes on, removes of an earlier one's."""

from pathlib import Path, PurePosixPath

from atsc_keras.files.whole import PART, remove_files
from atsc_keras.records.continuing import CONFIG
from atsc_keras.records.locking import LOCKED
from atsc_keras.records.manifest import Manifest, own_files, write_manifest
from atsc_keras.records.models import Origin


def clear(folder: Path, keeps_config: bool) -> None:
    """Remove a run's own files.

    From the first moment they are the list of a run that has not begun: if
    this is stopped, nobody goes on with the rest, and it can be done again.

    Args:
        folder: of the run.
        keeps_config: whether its config, which may be the one that the new
            run was given, stays until that writes its own.
    """
    own = own_files(folder) - LOCKED
    kept = own & {CONFIG} if keeps_config else set()
    names = sorted(own - kept - {Manifest.file_name})
    if not own:
        return
    write_manifest(folder, Manifest(files=(*kept, *names)))
    remove_files(folder, sorted(names, key=lambda n: n != Origin.file_name))
    write_manifest(folder, Manifest(files=tuple(kept)))


def clear_parts(folder: Path) -> None:
    """Remove what a killed run was writing."""
    remove_files(folder, filter(is_part, own_files(folder)))


def is_part(name: str) -> bool:
    """Whether a file is one that was being written."""
    return any(part.startswith(PART) for part in PurePosixPath(name).parts)
