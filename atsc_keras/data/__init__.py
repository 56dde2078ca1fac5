"""File -> batch. Frameworks are imported when data is used, not before."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atsc_keras.data.dataset import Dataset, Split
    from atsc_keras.data.loading import load_dataset
    from atsc_keras.data.pipeline import Pipeline, build_pipeline

_HOMES = {
    "Dataset": "dataset",
    "Split": "dataset",
    "load_dataset": "loading",
    "Pipeline": "pipeline",
    "build_pipeline": "pipeline",
}
__all__ = ["Dataset", "Pipeline", "Split", "build_pipeline", "load_dataset"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
