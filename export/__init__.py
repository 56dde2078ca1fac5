"""A `.keras` classifier -> SavedModel, TFLite and ONNX, proven to agree.

Works on any Keras image classifier of stock layers. Nothing is imported here
before it is used: `export` needs the TensorFlow backend of Keras, which the
command chooses by itself. The folder is the package `export` in the tree and
`atsc_export` when installed; a process holds one of the two.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .exporting import export
    from .formats import FORMATS
    from .formats.base import Format, Variant
    from .job import ExportJob

_HOMES = {
    "export": "exporting",
    "ExportJob": "job",
    "Variant": "formats.base",
    "Format": "formats.base",
    "FORMATS": "formats",
}
__all__ = ["FORMATS", "ExportJob", "Format", "Variant", "export"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
