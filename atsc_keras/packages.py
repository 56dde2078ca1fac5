"""Which package a module comes with, and whether it is there."""

import importlib.util
from collections.abc import Mapping

from atsc_keras.errors import InputError

# Modules of this project's packages that are not called as these are.
_PACKAGES = {
    **{"PIL": "pillow", "sklearn": "scikit-learn", "scipy": "scikit-learn"},
    **{"yaml": "PyYAML", "pydantic_core": "pydantic", "markupsafe": "jinja2"},
    **{"google": "protobuf", "absl": "absl-py"},
}
# What comes with an extra of this project, by which extra.
_EXTRAS = {
    **{"tensorflow": "tensorflow", "jax": "jax", "jaxlib": "jax"},
    **{"torch": "torch", "tensorboard": "tensorboard"},
    **{"tensorflow_datasets": "data", "importlib_resources": "data"},
    **dict.fromkeys(
        ("onnx", "onnxruntime", "onnxconverter_common", "tf2onnx"), "export"
    ),
    "ai_edge_litert": "export",
    **dict.fromkeys(("keras_cv", "keras_hub"), "hub"),
}
# What the end of a job needs, when all else is done.
FOR_TABLES = {"rich": "tables"}
FOR_REPORTS = {
    **{"matplotlib": "figures", "jinja2": "reports"},
    **{"scipy": "intervals", **FOR_TABLES},
}


def is_installed(module: str) -> bool:
    """Tell whether a module can be found; it is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def check_installed(needed: Mapping[str, str]) -> None:
    """See that modules are there, before work begins that needs them.

    Args:
        needed: each module -> what it is wanted for, in a word or two.

    Raises:
        InputError: if one is not, with the line that installs what is missing.
    """
    missing = [module for module in needed if not is_installed(module)]
    if not missing:
        return
    received = ", ".join(
        f"{_package(module)}, for {needed[module]}" for module in missing
    )
    raise InputError(
        "What a command needs must be installed. Received: no "
        f"{received}. Run {install_line(*missing)}."
    )


def missing_package(error: ModuleNotFoundError) -> InputError:
    """Make the error for a module that could not be imported."""
    module = (error.name or "").partition(".")[0]
    way_out = (
        f"Run {install_line(module)}"
        if module
        else "Run pip check, which names the package, and install that"
    )
    return InputError(
        "Every package that this one needs must be installed. "
        f"Received: {error}. {way_out}."
    )


def install_line(*modules: str) -> str:
    """Write the line that installs what modules come with."""
    wanted = dict.fromkeys(
        f'"atsc-keras[{_EXTRAS[module]}]"'
        if module in _EXTRAS
        else _package(module)
        for module in modules
    )
    return f"pip install {' '.join(wanted)}"


def _package(module: str) -> str:
    return _PACKAGES.get(module, module.replace("_", "-"))
