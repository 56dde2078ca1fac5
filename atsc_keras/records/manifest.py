"""What a run has written, by name, and how far its networks are."""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from atsc_keras.errors import InputError
from atsc_keras.files.whole import PART, files_in, write_whole
from atsc_keras.records.exports import ExportReport
from atsc_keras.records.locking import LOCKED
from atsc_keras.records.models import FileName, Origin, Record
from atsc_keras.records.reading import read_record, record_text
from atsc_keras.records.roles import Role, is_part

State = Literal["done", "diverged"]
EXPORT = "export"
CLASS_NAMES = "class_names.json"  # of the data
_EXPORTING = (f"{PART}{EXPORT}/", f"{PART}former-{EXPORT}/")
_INNER = ("runs", "rates")  # folders of runs, in a comparison
_TRIAL = re.compile(r".+_(seed\d+|rate[\d.e+-]+)")


class Manifest(Record):
    """The list of a run.

    Attributes:
        files: that it wrote or was about to, by their paths from its folder;
            of a run inside it, which has a list of its own, only that.
        networks: how each training ended, by the stem of the network's file;
            what has not ended is not there.
    """

    file_name = "manifest.json"

    files: tuple[FileName, ...] = ()
    networks: dict[str, State] = {}


# What release 0.1 wrote, which kept no list.
_OF_0_1 = re.compile(
    r"config\.yaml|(environment|metrics|class_names|adaptation|benchmark"
    r"|comparison|learning_rates)\.json|history\.csv|samples\.npz"
    r"|report\.html|figures/[a-z_]+\.svg|(comparison|benchmark)\.md"
    r"|comparison\.csv|diverged\.txt"
    r"|checkpoints/[^/]+/epoch-\d+(-step-\d+)?\.npz"
)
_EXPORT_OF_0_1 = ("export_report.json", "export_report.md", "labels.json")
_SAVED_MODEL = re.compile(
    r"/((saved_model|fingerprint|keras_metadata)\.pb"
    r"|variables/variables\.(index|data-\d+-of-\d+))"
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
        inner = [
            own_list(name)
            for name in _inner_runs(folder, known.files)
            if own_list(name) not in known.files
        ]
        kept: dict[str, State] = {
            stem: state
            for stem, state in known.networks.items()
            # Deleted by hand, it is to be made again.
            if state != "done" or (folder / f"{stem}.keras").exists()
        }
        files = (*known.files, *inner)
        return known.model_copy(update={"files": files, "networks": kept})
    names = [name for name in files_in(folder) if _is_of_0_1(name)]
    networks: dict[str, State] = {
        Path(name).stem: "done" for name in names if name.endswith(".keras")
    }
    if folder.parent.name in _INNER and "report.html" not in names:
        networks = {}  # a trial ends with its report, or diverges
    if "diverged.txt" in names:
        networks = dict.fromkeys((Role.STUDENT, Role.STUDENT_ALONE), "diverged")
    return Manifest(files=tuple(names), networks=networks)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the list of a run, from this process alone."""
    text = record_text(manifest)
    write_whole(
        folder / Manifest.file_name,
        lambda path: path.write_text(text, "utf-8", newline="\n"),
    )


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
        *LOCKED,
        Manifest.file_name,
        *(manifest.files if manifest else ()),
    }
    own = {name for name in found if _final(name) in listed}
    if manifest is None and _has_begun(found):
        own |= {name for name in found if _is_of_0_1(_final(name))}
    own |= {f"{EXPORT}/{name}" for name in exported_files(folder / EXPORT)}
    own |= {name for name in found if name.startswith(_EXPORTING)}
    for inner in _inner_runs(folder, listed):
        own |= {f"{inner}/{name}" for name in own_files(folder / inner)}
    return own


def _has_begun(found: Collection[str]) -> bool:
    """Whether a run has been in a folder: nobody else's looks like one."""
    first = (Manifest.file_name, Origin.file_name)
    return any(name in found for x in first for name in (x, f"{PART}{x}"))


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
    return found & set(report.files or _of_export_of_0_1(report, found))


def _of_export_of_0_1(
    report: ExportReport, found: Iterable[str]
) -> Iterator[str]:
    yield from _EXPORT_OF_0_1
    for place, model in enumerate(report.models):
        for artifact in model.artifacts:
            path = f"{model.name}/{artifact.path}" if place else artifact.path
            yield path
            for name in found:
                inside = name.removeprefix(path)
                if inside != name and _SAVED_MODEL.fullmatch(inside):
                    yield name


def own_list(inner: str) -> str:
    """Name the list of a run inside another."""
    return f"{inner}/{Manifest.file_name}"


def _inner_runs(folder: Path, listed: Collection[str]) -> Iterator[str]:
    """Find the runs of a comparison, by its list: `runs/kd_seed0`.

    Before there was one of them, they were known by their names.
    """
    knows = any(name.startswith(_INNER) for name in listed)
    for room in (folder / name for name in _INNER):
        for inner in [] if room.is_symlink() else sorted(room.glob("*")):
            name = inner.relative_to(folder).as_posix()
            known = (
                own_list(name) in listed
                if knows
                else _TRIAL.fullmatch(inner.name)
            )
            if known and inner.is_dir() and not inner.is_symlink():
                yield name
