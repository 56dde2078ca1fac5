"""What a run has written, by name, and how far its networks are."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from atsc_keras.errors import InputError
from atsc_keras.files.whole import PART, files_in
from atsc_keras.records.exports import ExportReport
from atsc_keras.records.locking import LOCK, WRITER
from atsc_keras.records.models import Record
from atsc_keras.records.reading import read_record
from atsc_keras.records.roles import Role, is_part

State = Literal["done", "diverged"]
EXPORT = "export"
_ALWAYS = (LOCK, WRITER)
_INNER = ("runs", "rates")  # folders of runs, in a comparison


class Manifest(Record):
    """The list of a run.

    Attributes:
        files: that it wrote or was about to, by their paths from its folder.
        networks: how each training ended, by the stem of the network's file;
            what has not ended is not there.
    """

    file_name = "manifest.json"

    files: tuple[str, ...] = ()
    networks: dict[str, State] = {}


# What release 0.1 wrote, which kept no list.
_OF_0_1 = re.compile(
    r"config\.yaml|(environment|metrics|class_names|adaptation|benchmark"
    r"|comparison|learning_rates)\.json|history\.csv|samples\.npz"
    r"|report\.html|figures/[a-z_]+\.svg|(comparison|benchmark)\.md"
    r"|comparison\.csv|diverged\.txt"
    r"|checkpoints/[^/]+/epoch-\d+(-step-\d+)?\.npz"
)
_EXPORT_OF_0_1 = re.compile(
    r"export_report\.(json|md)|labels\.json"
    r"|(\w+/)?(saved_model\w*/.+|\w+\.(tflite|onnx))"
)


def _is_of_0_1(name: str) -> bool:
    stem, _, suffix = name.rpartition(".")
    if suffix == "keras":
        return stem == "model" or is_part(stem)
    return bool(_OF_0_1.fullmatch(name))


def read_manifest(folder: Path) -> Manifest:
    """Read the list of a run, or make that of one of release 0.1.

    Args:
        folder: that the run wrote to.

    Raises:
        InputError: if it is damaged.
    """
    known = read_record(folder, Manifest)
    if known is not None:
        kept: dict[str, State] = {
            stem: state
            for stem, state in known.networks.items()
            # Deleted by hand, it is to be made again.
            if state != "done" or (folder / f"{stem}.keras").exists()
        }
        return known.model_copy(update={"networks": kept})
    names = [name for name in files_in(folder) if _is_of_0_1(name)]
    networks: dict[str, State] = {
        Path(name).stem: "done" for name in names if name.endswith(".keras")
    }
    if folder.parent.name in _INNER and "report.html" not in names:
        networks = {}  # a trial ends with its report, or diverges
    if "diverged.txt" in names:
        networks = dict.fromkeys((Role.STUDENT, Role.STUDENT_ALONE), "diverged")
    return Manifest(files=tuple(names), networks=networks)


def own_files(folder: Path) -> set[str]:
    """Find all that a run, or a part of it, wrote: paths from its folder on.

    Those of its export and of the runs of a comparison are among them, and
    what a killed run was writing.

    Args:
        folder: that the run wrote to.
    """
    found = files_in(folder)
    try:
        manifest = read_record(folder, Manifest)
    except InputError:  # damaged: what it may have listed is known by name
        manifest = None
    listed = {
        *_ALWAYS,
        Manifest.file_name,
        *(manifest.files if manifest else ()),
    }
    own = {name for name in found if _final(name) in listed}
    if manifest is None:
        own |= {name for name in found if _is_of_0_1(_final(name))}
    own |= {f"{EXPORT}/{name}" for name in exported_files(folder / EXPORT)}
    own |= {name for name in found if name.startswith(f"{PART}{EXPORT}/")}
    for inner in _inner_runs(folder):
        prefix = inner.relative_to(folder).as_posix()
        own |= {f"{prefix}/{name}" for name in own_files(inner)}
    return own


def _final(name: str) -> str:
    """Find the name that a file will have once it is whole."""
    path = PurePosixPath(name)
    return str(path.with_name(path.name.removeprefix(PART) or path.name))


def exported_files(folder: Path) -> set[str]:
    """Find what an export names as its own; by pattern, what 0.1 wrote."""
    found = set(files_in(folder))
    try:
        report = read_record(folder, ExportReport)
    except InputError:  # damaged: nothing in it is certain
        return set()
    if report is None:
        return set()
    if report.files:
        return found & set(report.files)
    return {name for name in found if _EXPORT_OF_0_1.fullmatch(name)}


def _inner_runs(folder: Path) -> Iterator[Path]:
    for name in _INNER:
        for inner in sorted((folder / name).glob("*")):
            if inner.is_dir() and not inner.is_symlink():
                yield inner
