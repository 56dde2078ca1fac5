"""What is known of data before they are read, and before any framework."""

import importlib
from pathlib import Path

from atsc_keras.config import DataConfig
from atsc_keras.data.checks import check_batch_fits
from atsc_keras.errors import InputError
from atsc_keras.packages import check_installed

# What a source imports when it loads.
_NEEDED = {
    "digits": {"sklearn": "data.source=digits"},
    "folder": {"PIL": "data.source=folder"},
    "tfds": dict.fromkeys(
        ("tensorflow_datasets", "tensorflow"), "data.source=tfds"
    ),
}


def check_path(config: DataConfig) -> None:
    """See that what `data.path` names is there.

    Raises:
        InputError: if not.
    """
    path = None if config.path is None else Path(config.path).expanduser()
    # A data_dir of tfds may be made by it, and may be no path at all (gs://).
    if path is not None and config.source != "tfds" and not path.exists():
        raise InputError(
            "`data.path` must exist. "
            f"Received: path={config.path!r}, seen from {Path.cwd()}. "
            "Relative paths begin at the working directory."
        )


def look_at_data(config: DataConfig) -> None:
    """Check what paths and headers of data files show.

    Raises:
        InputError: if packages, files or arrays are missing, or a batch is
            larger than the training images.
    """
    check_installed(_NEEDED.get(config.source, {}))
    check_path(config)
    if config.source == "tfds":
        return
    source = importlib.import_module(f"{__package__}.sources.{config.source}")
    count = source.look(config)
    if count is not None:
        check_batch_fits(config.batch_size, count, "train")
