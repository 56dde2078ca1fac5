"""The experiments that come with this package, by their names."""

import difflib
import re
from importlib import resources
from pathlib import Path

from atsc_keras.errors import InputError

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
    name = path.name.removesuffix(".yaml")
    shipped = _shipped()
    if path.exists():
        return path
    if name in shipped and len(path.parts) == 1:
        return shipped[name]
    near = difflib.get_close_matches(name, shipped, n=3, cutoff=0)
    raise InputError(
        "The config must exist, as a YAML file or as the name of a shipped "
        f"one. Received: {config}. Nearest of the shipped: {', '.join(near)}; "
        "`atsc list` shows all."
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


def _shipped() -> dict[str, Path]:
    """Find the file of each, by name."""
    try:
        folder = resources.files("atsc_keras.configs")
    except ModuleNotFoundError:
        # Not installed: the folder stands beside the package.
        folder = Path(__file__).parents[2] / "configs"
    paths = {entry.name: Path(str(entry)) for entry in folder.iterdir()}
    return {
        name.removesuffix(".yaml"): paths[name]
        for name in sorted(paths)
        if name.endswith(".yaml")
    }
