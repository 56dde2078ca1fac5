"""The version, which stands in `pyproject.toml` alone."""

import tomllib
from importlib import metadata
from pathlib import Path


def _read_version() -> str:
    try:
        return metadata.version("atsc-keras")
    except metadata.PackageNotFoundError:
        # Run from its source tree, not installed.
        project = Path(__file__).parents[1] / "pyproject.toml"
        values = tomllib.loads(project.read_text("utf-8"))
        return str(values["project"]["version"])


__version__ = _read_version()
