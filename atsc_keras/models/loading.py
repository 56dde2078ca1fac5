"""A `.keras` or HDF5 file -> the model that it holds."""

import contextlib
import copy
import importlib
import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras

from atsc_keras.errors import (
    InputError,
    first_line,
    is_full_disk,
    is_out_of_memory,
)
from atsc_keras.files.model_files import CONFIG, check_model_file
from atsc_keras.models import saved_config
from atsc_keras.models.keras_2 import rename_groups, upgrade
from atsc_keras.models.saved_config import Config
from atsc_keras.packages import is_installed

# Their models are registered with Keras when they are imported.
_LIBRARIES = ("keras_cv", "keras_hub")
_LONGEST_REASON = 200  # characters of Keras's own message
_LARGEST_CONFIG = 1 << 27  # bytes; those of the largest networks have 1e6
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)
_REPLACE = (
    "Build the model of Keras's own layers alone, load its weights with "
    "`model.load_weights`, and save that."
)


def load_keras_file(
    path: Path,
    *,
    what: str = "A saved model",
    code: str = "Keras and this package",
    way_out: str = _REPLACE,
    as_float32: bool = False,
) -> keras.Model:
    """Load a model, uncompiled; those of KerasCV and KerasHub too.

    What a file holds counts, not its suffix. Where Keras or its backend
    refuses a name, as TensorFlow does those with blanks, brackets or accents,
    the layer gets a similar one; weights of LoRA are part of the kernels.

    Args:
        path: of the `.keras` file, or of an HDF5 file of a whole model.
        what: how a message calls it.
        code: whose layers it may have, for the message about others.
        way_out: of that message.
        as_float32: whether its layers compute in float32, whatever they were
            trained in; default: as saved.

    Returns:
        What the file holds, of any kind.

    Raises:
        InputError: if there is no such file, it is of another kind, cut
            short or damaged, or it needs code that is not here.
    """
    kind = check_model_file(path, what)
    saved = _Zip(path) if kind == "zip" else _HDF5(path)
    try:
        config, writer = saved.read()
    except (*_DAMAGE, OSError, ValueError, KeyError) as error:
        raise _damaged(path, what, error) from error
    if config is None:
        raise InputError(
            f"{what} must be a whole model. Received: {path}, which holds "
            "weights alone. Build the model in Python, "
            f"model.load_weights({path.name!r}), and save it as `.keras`."
        )
    _import_libraries(config)
    changed = copy.deepcopy(config)
    if writer.startswith("2."):
        upgrade(changed)
    saved_config.prepare(changed)
    if as_float32:
        saved_config.set_float32(changed)
    try:
        found = _attempt(saved, None if changed == config else changed)
        failed = isinstance(found, Exception)
        if failed and saved_config.without_neutral(changed):
            found = _attempt(saved, changed)
    except _DAMAGE as damage:
        raise _damaged(path, what, damage) from damage
    if isinstance(found, Exception):
        reason, better = _why(changed, found, writer, path)
        raise InputError(
            f"{what} must load with {code} alone. Received: {path}, "
            f"{_writer(writer)} ({reason}). {better or way_out}"
        ) from found
    return found


def _attempt(
    saved: "_Zip | _HDF5", config: Config | None
) -> keras.Model | Exception:
    """Load a model; or tell why not, damage of the file apart."""
    try:
        return saved.load(config)
    except _DAMAGE:
        raise
    except Exception as error:  # layers raise anything
        if is_full_disk(error) or is_out_of_memory(error):
            raise  # of the machine, not of the file
        return error


class _Zip:
    """A `.keras` file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = ""

    def read(self) -> tuple[Config | None, str]:
        """Read the config, and which Keras wrote it."""
        with zipfile.ZipFile(self.path) as archive:
            if archive.getinfo(CONFIG).file_size > _LARGEST_CONFIG:
                raise ValueError(f"{CONFIG} of more than {_LARGEST_CONFIG} B")
            config = _parsed(archive.read(CONFIG))
            with contextlib.suppress(KeyError, ValueError):
                about = json.loads(archive.read("metadata.json"))
                self._writer = str(about.get("keras_version", ""))
        return config, self._writer

    def load(self, config: Config | None) -> keras.Model:
        """Load it, with another config if there is one."""
        with _named_for_keras(self.path, ".keras", config is None) as path:
            if config is not None:
                with (
                    zipfile.ZipFile(self.path) as archive,
                    zipfile.ZipFile(path, "w") as other,
                ):
                    for name in archive.namelist():
                        if name == CONFIG:
                            other.writestr(name, json.dumps(config))
                            continue
                        if name.endswith(".h5") and self._writer[:2] == "2.":
                            archive.extract(name, path.parent)
                            rename_groups(path.parent / name)
                            other.write(path.parent / name, name)
                            continue
                        with archive.open(name) as old:
                            with other.open(name, "w", force_zip64=True) as new:
                                shutil.copyfileobj(old, new)
            return keras.models.load_model(path, compile=False)


class _HDF5:
    """A whole model as Keras 2 saved it, and Keras 3 still can."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Config | None, str]:
        """Read the config, and which Keras wrote it."""
        with h5py.File(self.path) as file:
            config = file.attrs.get("model_config")
            writer = file.attrs.get("keras_version", "")
        if isinstance(writer, bytes):
            writer = writer.decode()
        return None if config is None else _parsed(config), str(writer)

    def load(self, config: Config | None) -> keras.Model:
        """Load it, with another config if there is one."""
        with _named_for_keras(self.path, ".h5", config is None) as path:
            if config is not None:
                shutil.copyfile(self.path, path)
                with h5py.File(path, "r+") as file:
                    file.attrs["model_config"] = json.dumps(config)
            return keras.models.load_model(path, compile=False)


def _parsed(text: bytes | str) -> Config:
    config = json.loads(text)
    if not isinstance(config, dict):
        raise ValueError(f"its config is {type(config).__name__}")
    return config


@contextlib.contextmanager
def _named_for_keras(path: Path, suffix: str, as_it_is: bool) -> Iterator[Path]:
    """Give the path a suffix that Keras reads: its own, or a place for it."""
    if as_it_is and path.suffix == suffix:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder, f"model{suffix}")
        if as_it_is:
            try:
                other.symlink_to(path.resolve())
            except OSError:  # a system without links
                shutil.copyfile(path, other)
        yield other


def _import_libraries(config: Config) -> None:
    """Import the libraries of Keras whose layers a file names."""
    modules = {
        str(found.get("module")).partition(".")[0]
        for found in saved_config.objects_in(config)
    }
    for name in _LIBRARIES:
        if name in modules and is_installed(name):
            importlib.import_module(name)


# === Why a file does not load ===


def _damaged(path: Path, what: str, error: Exception) -> InputError:
    return InputError(
        f"{what} must be a whole file, as `model.save` writes it. Received: "
        f"{path}, which is damaged ({_shortened(first_line(error))}). Copy it "
        "again from where it is whole."
    )


def _writer(version: str) -> str:
    return f"written by Keras {version}" if version else "of unknown Keras"


def _why(
    config: Config, error: Exception, writer: str, path: Path
) -> tuple[str, str]:
    """Find the cause of a failure.

    Returns:
        The cause in words; and a way out, where it is better than that for
        code that is not here.
    """
    broken = saved_config.first_unloadable(config)
    if broken is None:
        return _last_words(error), _way_out(writer, path)
    found, cause = broken
    layer = f"layer {found['config'].get('name', '')!r} ({found['class_name']})"
    if saved_config.holds_code(found):
        return f"{layer} holds Python code, which is never run", ""
    unknown = saved_config.unknown_arguments(found)
    if unknown:
        said = ", ".join(f"{k}={v!r}" for k, v in unknown.items())
        return (
            f"{layer} has {said}, which Keras {keras.__version__} lacks",
            _newer(writer)
            or f"Build the model without {', '.join(unknown)}, load its "
            f"weights with `model.load_weights({path.name!r})`, and save that.",
        )
    of_keras = str(found.get("module", "keras")).startswith("keras")
    if of_keras and saved_config.stock_class(found) is None:
        return (
            f"{layer} is an operation or class that Keras {keras.__version__} "
            "lacks",
            _as_zip(writer, path) if "module" not in found else _newer(writer),
        )
    return f"{layer}: {_last_words(cause)}", _newer(writer)


def _way_out(writer: str, path: Path) -> str:
    """Advise what to do where no layer by itself is the cause."""
    if writer.startswith("2."):
        return (
            "Build the model anew in Keras 3, load its weights with "
            f"`model.load_weights({path.name!r})`, and save that."
        )
    if writer == keras.__version__ and zipfile.is_zipfile(path):
        return "Give the file as it was written: its parts do not fit."
    return (
        _newer(writer)
        or _as_zip(writer, path)
        or f"Load it with Keras {writer or 'that wrote it'}, and save there "
        "by `model.save_weights` what a model built here then loads."
    )


def _as_zip(writer: str, path: Path) -> str:
    """Advise against HDF5, which holds no operations of Keras 3."""
    if zipfile.is_zipfile(path) or writer.startswith("2."):
        return ""
    return "Save it as `.keras` where it was made: HDF5 holds no operations."


def _newer(writer: str) -> str:
    """Advise to install the Keras that wrote a file, if it is a newer one."""
    try:
        numbers = [
            tuple(map(int, version.split(".")[:2]))
            for version in (writer, keras.__version__)
        ]
    except ValueError:
        return ""
    return f"Install keras=={writer}." if numbers[0] > numbers[1] else ""


def _last_words(error: BaseException) -> str:
    """Take what the first exception of a chain says: the cause."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    text = str(error).strip() or repr(error)
    # Behind the config, which Keras repeats, and its list of objects.
    text = text.rpartition("Exception encountered: ")[2]
    text = text.rpartition("Example error message for object ")[2]
    text = text.partition("Full object config:")[0]
    return _shortened(" ".join(text.split()).rstrip(". "))


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_REASON:
        return text
    return f"{text[:_LONGEST_REASON]}..."
