"""What `keras.saving.load_model` needs is registered, and nothing loaded.

Keras knows a class of this package once the file that defines it has been
imported. A stand-in with its name imports that file when it is asked for.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# The classes that Keras may find in a file, and where each is defined.
SERIALIZABLE: Mapping[str, str] = {
    "ATSC": "distillation.atsc",
    "Attention": "methods.hints",
    "Contrastive": "methods.relations",
    "CoupledSGD": "distillation.coupled_sgd",
    "CropAndFlip": "data.crop_and_flip",
    "DecoupledSoftTargets": "methods.logits",
    "DistilledStudent": "distillation.distilled_student",
    "FeatureAlignment": "distillation.losses",
    "Hint": "methods.hints",
    "ImageClassifier": "models.image_classifier",
    "KnowledgeDistillation": "distillation.knowledge_distillation",
    "Review": "methods.review",
    "SemanticCalibration": "methods.semantic",
    "SimilarityPreserving": "methods.relations",
    "SoftmaxRegression": "methods.logits",
    "VariationalInformation": "methods.hints",
    "WarmedUp": "training.recipes",
}


def register_with_keras() -> None:
    """Register every class of `SERIALIZABLE` now, or when Keras is there."""
    if "keras" in sys.modules:
        _register(sys.modules["keras"])
    else:
        sys.meta_path.insert(0, _KerasFinder())


def _register(keras: ModuleType) -> None:
    for name, home in SERIALIZABLE.items():
        keras.saving.get_custom_objects().setdefault(
            f"{__package__}>{name}", _stand_in(name, f"{__package__}.{home}")
        )


def _stand_in(name: str, home: str) -> type:
    """Make what to Keras is the class `name`, until that registers itself."""

    def make(_: type, *args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(home), name)(*args, **kwargs)

    def from_config(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(home), name).from_config(*args, **kwargs)

    return type(
        name,
        (),
        {
            "__module__": home,
            "__new__": make,
            "from_config": staticmethod(from_config),
        },
    )


class _KerasFinder(MetaPathFinder):
    """Finds Keras where it is, and has our classes registered with it."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(fullname, path, target)
                if spec is not None and spec.loader is not None:
                    spec.loader = _KerasLoader(spec.loader)
                    return spec
        return None


class _KerasLoader(Loader):
    """Loads Keras as its own loader does, then registers our classes."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # Whoever reads Keras's files asks its own loader.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _register(module)
