"""The experiments that come with this package, by their names."""

import difflib
import re
from importlib import resources
from pathlib import Path

from atsc_keras.errors import InputError, shortened

_COMMON = "common"  # the folder of what is no experiment by itself
# Each begins with such a comment; lines of the next one begin "# Word: ".
_WHAT = re.compile(r"# What: (.*(?:\n# (?!\w+: ).*)*)")


def find_config(config: str | Path) -> Path:
    """Find what a command calls CONFIG.

    Args:
        config: a path, or the name of a shipped config, with or without
            `.yaml`. What is there as a path is taken as one.

    Returns:
        The path.

    Raises:
        InputError: if there is neither.
    """
    path = Path(config)
    if is_there(path):
        return path
    shipped = find_shipped(path)
    if shipped is not None:
        return shipped
    name = path.name.removesuffix(".yaml")
    near = difflib.get_close_matches(name, _shipped(), n=3, cutoff=0)
    raise InputError(
        "The config must exist, as a YAML file or as the name of a shipped "
        f"one. Received: {shortened(str(config))}. Nearest of the shipped: "
        f"{', '.join(near)}; `atsc list` shows all."
    )


def is_there(path: Path) -> bool:
    """Tell whether there is anything; nothing has a name that cannot be."""
    try:
        return path.exists()
    except OSError:
        return False


def find_shipped(name: str | Path) -> Path | None:
    """Find a shipped file by its name.

    Args:
        name: of an experiment, or such as `common/cifar100` of what several
            extend; with or without `.yaml`.

    Returns:
        The path; None if there is none of this name.
    """
    return _all_shipped().get(_without_suffix(name))


def nearest_shipped(name: str) -> list[str]:
    """Find names that `find_shipped` knows, the nearest to another first."""
    return difflib.get_close_matches(
        _without_suffix(name), _all_shipped(), n=3, cutoff=0
    )


def shipped_configs() -> dict[str, str]:
    """List the shipped experiments.

    Returns:
        What each of them says that it is, in a few words, by its name.
    """
    return {
        name: _purpose(path.read_text("utf-8"))
        for name, path in _shipped().items()
    }


def _purpose(text: str) -> str:
    match = _WHAT.match(text)
    words = match[1].replace("\n# ", " ") if match else ""
    return re.split(r"[.:?](?: |$)", words)[0]


def _without_suffix(name: str | Path) -> str:
    return Path(name).as_posix().removesuffix(".yaml")


def _all_shipped() -> dict[str, Path]:
    common = _shipped(_COMMON)
    return _shipped() | {f"{_COMMON}/{name}": common[name] for name in common}


def _shipped(part: str = "") -> dict[str, Path]:
    """Find the file of each, by name."""
    try:
        folder = resources.files("atsc_keras.configs")
    except ModuleNotFoundError:
        # Not installed: the folder stands beside the package.
        folder = Path(__file__).parents[2] / "configs"
    if part:
        folder = folder / part
    if not folder.is_dir():
        return {}
    paths = {entry.name: Path(str(entry)) for entry in folder.iterdir()}
    return {
        name.removesuffix(".yaml"): paths[name]
        for name in sorted(paths)
        if name.endswith(".yaml")
    }
