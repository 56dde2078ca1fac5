"""What kind of file a model lies in, by its first bytes and no framework."""

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any, Literal

from atsc_keras.errors import InputError
from atsc_keras.files.sizes import check_declared

Container = Literal["zip", "hdf5"]

CONFIG = "config.json"  # in a `.keras` file
# Weights that promise more than they hold take little room themselves.
_LOOKED_AT = 2**26  # bytes
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LOAD_AND_SAVE = "Load it where it was made, and save it as `.keras`."
_AS_KERAS = "Give the `.keras` file that it was made from."
_OF_TORCH = "Build the model in Keras, set its weights, and save that."
# By its first bytes, or by its name: what it is, and what to give instead.
_BEGINNINGS = (
    (b"", b"", "is empty", "Copy it again from where it is whole."),
    (
        b"version https://git-lfs",
        b"",
        "is a Git LFS pointer, not the file itself",
        "Run git lfs pull.",
    ),
    (b"<", b"", "is a web page or XML", "Download the file itself."),
    (b"\x80", b"", "is a pickle, as PyTorch writes", _OF_TORCH),
    (
        b"{",
        b"",
        "is JSON: layers without weights",
        "Build the model of it, load its weights, and save it as `.keras`.",
    ),
    (b"", b"TFL3", "is a TFLite file", _AS_KERAS),
)
_ENDINGS = {
    ".onnx": ("is an ONNX file", _AS_KERAS),
    ".tflite": ("is a TFLite file", _AS_KERAS),
    ".pb": ("is a graph of TensorFlow", _LOAD_AND_SAVE),
    ".pt": ("is a file of PyTorch", _OF_TORCH),
    ".pth": ("is a file of PyTorch", _OF_TORCH),
    ".safetensors": ("holds weights alone", _OF_TORCH),
}
# Members by which other archives are known.
_ARCHIVES = (
    ("data.pkl", "is a file of PyTorch", _OF_TORCH),
    (".npy", "is an npz file of arrays", "Give the model's own file."),
)


def check_model_file(path: Path, what: str = "A saved model") -> Container:
    """See what a model lies in, before anything of it is loaded.

    Args:
        path: of the file.
        what: how a message calls it.

    Returns:
        "zip" of a `.keras` file, "hdf5" of an `.h5` file, whatever its name.

    Raises:
        InputError: if there is no such file, or it is of another kind: with
            what it is, and what to give instead.
    """
    try:
        found = _container(path)
    except OSError as error:
        found = (
            f"cannot be read ({error.strerror or error})",
            "Make it readable.",
        )
    if isinstance(found, tuple):
        state, way_out = found
        raise InputError(
            f"{what} must be a whole `.keras` or `.h5` file, as `model.save` "
            f"writes it. Received: {path}, which {state}. {way_out}"
        )
    return found


def _container(path: Path) -> Container | tuple[str, str]:
    """Tell the container; of anything else what it is, and the way out."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        if path.exists():
            return "is no file but a pipe or device", "Copy it to a file."
        return "does not exist", "Check the path."
    with path.open("rb") as file:
        first = file.read(64)
    if first.startswith(_HDF5):
        return _too_large(path, _promised(path)) or "hdf5"
    if first.startswith(b"PK"):
        return _archive(path)
    return _other(path, first)


def _archive(path: Path) -> Container | tuple[str, str]:
    if not zipfile.is_zipfile(path):
        return "is cut short", "Copy it again from where it is whole."
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except Exception as error:  # of what it cannot be
        return f"is damaged ({error})", "Copy it again from where it is whole."
    names = [member.filename for member in members]
    declared = sum(member.file_size for member in members)
    too_large = _too_large(path, declared)
    if too_large:
        return too_large
    for member in members:
        if member.filename.endswith(".h5") and member.file_size <= _LOOKED_AT:
            too_large = _too_large(path, _promised(path, member.filename))
            if too_large:
                return too_large
    if CONFIG in names:
        return "zip"
    for ending, state, way_out in _ARCHIVES:
        if any(name.endswith(ending) for name in names):
            return state, way_out
    return f"is a zip file without {CONFIG}", "Give the model's own file."


def _too_large(path: Path, declared: int) -> tuple[str, str] | None:
    try:
        check_declared(declared, path.stat().st_size)
    except ValueError as error:
        return str(error), "Give a file that was not made so."
    return None


def _promised(path: Path, member: str | None = None) -> int:
    """Count the bytes of all arrays of an HDF5 file; 0 if it is damaged.

    Args:
        path: of the file, or of an archive that holds it.
        member: its name in there.
    """
    import h5py

    sizes: list[int] = []

    def count(_: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset):
            sizes.append(int(found.nbytes))

    # What is wrong with it is told when it is loaded.
    with contextlib.suppress(Exception):
        held: Any = path
        if member is not None:
            with zipfile.ZipFile(path) as archive:
                held = io.BytesIO(archive.read(member))
        with h5py.File(held, "r") as opened:
            opened.visititems(count)
    return sum(sizes)


def _other(path: Path, first: bytes) -> tuple[str, str]:
    text = first.lstrip()
    for begins, at_four, state, way_out in _BEGINNINGS:
        if at_four:
            is_it = first[4:8] == at_four
        else:
            is_it = text.startswith(begins) if begins else not first
        if is_it:
            return state, way_out
    return _ENDINGS.get(
        path.suffix.lower(),
        (
            "is neither: it begins with " + repr(first[:8])[1:],
            "Give the file that `model.save` wrote.",
        ),
    )


def _folder(path: Path) -> tuple[str, str]:
    inside = sorted(entry.name for entry in path.iterdir())
    files = [name for name in inside if name.endswith((".keras", ".h5"))]
    if "saved_model.pb" in inside:
        if "keras_metadata.pb" in inside:
            return (
                "is a SavedModel folder of Keras 2",
                "Load it with tf-keras, save it there as `.h5`, and give that.",
            )
        return "is a SavedModel folder, which holds no layers", _AS_KERAS
    if CONFIG in inside and "task.json" in inside:
        return (
            "is a preset folder of KerasHub",
            "Save keras_hub.models.ImageClassifier.from_preset(folder) as "
            "`.keras`.",
        )
    if files:
        return "is a folder", f"Give one of its files: {', '.join(files[:4])}."
    return "is a folder", "Name the file in it."
