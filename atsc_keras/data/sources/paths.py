"""The path of a source that has one."""

from pathlib import Path

from atsc_keras.config import DataConfig
from atsc_keras.errors import InputError


def required_path(config: DataConfig, *, folder: bool = False) -> Path:
    """Finds what `data.path` names.

    Args:
        config: With a path.
        folder: Whether it must be a folder; otherwise it must be a file.

    Returns:
        The path, the home folder written out.

    Raises:
        InputError: It is not there, or not of that kind.
    """
    path = Path(config.path or "").expanduser()
    if path.is_dir() if folder else path.is_file():
        return path
    kind = "a folder" if folder else "a file"
    raise InputError(
        f"`data.path` must be {kind} for source {config.source!r}. "
        f"Received: path={config.path!r}. Check the path and the source."
    )
