"""Distil small Keras classifiers from teachers that adapt to them.

Public names are imported when first used, so that the command line answers
before any framework is loaded; what `keras.saving.load_model` needs is
registered all the same.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from atsc_keras._registration import register_with_keras
from atsc_keras.processes import check_backend_is_installed

if TYPE_CHECKING:
    from atsc_keras import config, errors, methods, records
    from atsc_keras.benchmarking.benchmark import benchmark
    from atsc_keras.comparing.comparison import compare
    from atsc_keras.config.loading import load_config
    from atsc_keras.data.dataset import Dataset
    from atsc_keras.data.loading import load_dataset
    from atsc_keras.data.pipeline import build_pipeline
    from atsc_keras.distillation.atsc import ATSC
    from atsc_keras.distillation.coupled_sgd import CoupledSGD
    from atsc_keras.distillation.distilled_student import DistilledStudent
    from atsc_keras.distillation.knowledge_distillation import (
        KnowledgeDistillation,
    )
    from atsc_keras.distillation.losses import FeatureAlignment
    from atsc_keras.distillation.transfer_loss import TransferLoss
    from atsc_keras.models.image_classifier import ImageClassifier
    from atsc_keras.models.networks import build_classifier, build_encoder
    from atsc_keras.models.projector import build_projector
    from atsc_keras.training.jobs import distill, evaluate, train

    __version__: str

__all__ = [
    "ATSC",
    "CoupledSGD",
    "Dataset",
    "DistilledStudent",
    "FeatureAlignment",
    "ImageClassifier",
    "KnowledgeDistillation",
    "TransferLoss",
    "__version__",
    "benchmark",
    "build_classifier",
    "build_encoder",
    "build_pipeline",
    "build_projector",
    "compare",
    "config",
    "distill",
    "errors",
    "evaluate",
    "load_config",
    "load_dataset",
    "methods",
    "records",
    "train",
]

_HOMES = {
    "ATSC": "distillation.atsc",
    "CoupledSGD": "distillation.coupled_sgd",
    "Dataset": "data.dataset",
    "DistilledStudent": "distillation.distilled_student",
    "FeatureAlignment": "distillation.losses",
    "ImageClassifier": "models.image_classifier",
    "KnowledgeDistillation": "distillation.knowledge_distillation",
    "TransferLoss": "distillation.transfer_loss",
    "__version__": "_version",
    "benchmark": "benchmarking.benchmark",
    "build_classifier": "models.networks",
    "build_encoder": "models.networks",
    "build_pipeline": "data.pipeline",
    "build_projector": "models.projector",
    "compare": "comparing.comparison",
    "distill": "training.jobs",
    "evaluate": "training.jobs",
    "load_config": "config.loading",
    "load_dataset": "data.loading",
    "train": "training.jobs",
}

register_with_keras()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _HOMES:
        return import_module(f"{__name__}.{name}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        check_backend_is_installed(error)
        raise


def __dir__() -> list[str]:
    return __all__
