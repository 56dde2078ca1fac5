"""The methods of the literature that ATSC is compared with.

Public names are imported when first used: the table of methods needs no
Keras.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atsc_keras.distillation.transfer_loss import Outputs
    from atsc_keras.methods.hints import Attention, Hint, VariationalInformation
    from atsc_keras.methods.logits import (
        DecoupledSoftTargets,
        SoftmaxRegression,
    )
    from atsc_keras.methods.registry import METHODS, Method, find_method
    from atsc_keras.methods.relations import Contrastive, SimilarityPreserving
    from atsc_keras.methods.review import Review
    from atsc_keras.methods.semantic import SemanticCalibration

__all__ = [
    "METHODS",
    "Attention",
    "Contrastive",
    "DecoupledSoftTargets",
    "Hint",
    "Method",
    "Outputs",
    "Review",
    "SemanticCalibration",
    "SimilarityPreserving",
    "SoftmaxRegression",
    "VariationalInformation",
    "find_method",
]

_HOMES = {
    "METHODS": "methods.registry",
    "Attention": "methods.hints",
    "Contrastive": "methods.relations",
    "DecoupledSoftTargets": "methods.logits",
    "Hint": "methods.hints",
    "Method": "methods.registry",
    "Outputs": "distillation.transfer_loss",
    "Review": "methods.review",
    "SemanticCalibration": "methods.semantic",
    "SimilarityPreserving": "methods.relations",
    "SoftmaxRegression": "methods.logits",
    "VariationalInformation": "methods.hints",
    "find_method": "methods.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"atsc_keras.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
