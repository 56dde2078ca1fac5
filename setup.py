"""Where the packages of the wheel lie in the tree; the rest: pyproject.toml."""

from setuptools import find_packages, setup

ELSEWHERE = {
    "atsc_keras.configs": "configs",
    "atsc_export": "export",
    "atsc_export.formats": "export/formats",
}

setup(
    packages=[*find_packages(include=["atsc_keras*"]), *ELSEWHERE],
    package_dir=ELSEWHERE,
)
