"""A `.keras` file -> the model that it holds."""

import contextlib
import importlib
import importlib.util
import zipfile
import zlib
from pathlib import Path

import keras

from atsc_keras.errors import InputError, first_line

# Their models are registered with Keras when they are imported.
_LIBRARIES = ("keras_cv", "keras_hub")
_LONGEST_REASON = 200  # characters of Keras's own message


def load_keras_file(
    path: Path,
    *,
    what: str = "A saved model",
    code: str = "Keras and this package",
    way_out: str = "Save it from registered or stock layers.",
) -> keras.Model:
    """Load a model, uncompiled; those of KerasCV and KerasHub too.

    Args:
        path: of the `.keras` file.
        what: how a message calls it.
        code: whose layers it may have, for the message about others.
        way_out: of that message.

    Returns:
        What the file holds, of any kind.

    Raises:
        InputError: if there is no such file, it is not a whole `.keras`
            file, or it needs code that is not here.
    """
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(
            f"{what} must be a `.keras` file. Received: {path}, which {state}. "
            "Check the path."
        )
    whole = f"{what} must be a whole `.keras` file, as `model.save` writes it."
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise InputError(
            f"{whole} Received: {path}, which is not or is cut short. Save "
            "the model again."
        )
    _import_libraries(path)
    try:
        return keras.models.load_model(path, compile=False)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{whole} Received: {path}, which is damaged ({error}). Save the "
            "model again."
        ) from error
    except (ValueError, TypeError, KeyError, OSError) as error:
        reason = first_line(error)
        if len(reason) > _LONGEST_REASON:
            reason = f"{reason[:_LONGEST_REASON]}..."
        raise InputError(
            f"{what} must load with {code} alone. Received: {path} "
            f"({reason}). {way_out}"
        ) from error


def _import_libraries(path: Path) -> None:
    """Import the libraries of Keras whose layers a file names."""
    with contextlib.suppress(zipfile.BadZipFile, KeyError, zlib.error):
        with zipfile.ZipFile(path) as archive:
            config = archive.read("config.json")
        for name in _LIBRARIES:
            wanted = f'"{name}.'.encode() in config
            if wanted and importlib.util.find_spec(name):
                importlib.import_module(name)
