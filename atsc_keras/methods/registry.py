"""The methods by name, as the literature sets them. A table: no Keras."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from atsc_keras.errors import InputError


@dataclass(frozen=True)
class Method:
    """A way to train a student.

    Attributes:
        name: in configs, records and `--methods`.
        label: for a reader.
        color: in figures: blue, orange, green, violet or gold, which have a
            form for dark pages, or any that matplotlib knows; None = grey.
        kind: whether the student learns from `labels` alone, from a
            `fixed_teacher`, or has the teacher's classifier (`shared_head`).
        loss: of a fixed teacher, `module:Class`, a `TransferLoss`; imported
            when it trains. None = the tempered KL alone.
        transfer_weight: of that loss.
        logits_weight: of the tempered KL.
        warmup_share: of all epochs over which `transfer_weight` rises.
        reference: the paper.
    """

    name: str
    label: str
    color: str | None = None
    kind: Literal["labels", "fixed_teacher", "shared_head"] = "fixed_teacher"
    loss: str | None = None
    transfer_weight: float = 1.0
    logits_weight: float = 0.0
    warmup_share: float = 0.0
    reference: str = ""


_HOME = "atsc_keras.methods"
_RISES = 20 / 240  # 20 epochs of the recipe for CIFAR-100

# Each class says where its numbers come from.
_ROWS = (
    Method("student_alone", "Student alone", "orange", "labels"),
    # The network that methods with a shared head ship.
    Method("student_same_size", "Same size alone", "gold", "labels"),
    # Weight 1 beside the labels (CRD, SimKD).
    Method(
        *("kd", "KD", "green"),
        logits_weight=1.0,
        reference="Hinton et al. 2015",
    ),
    Method(
        *("fitnet", "FitNet"),
        loss=f"{_HOME}.hints:Hint",
        transfer_weight=100.0,
        reference="Romero et al. 2015",
    ),
    Method(
        *("at", "AT"),
        loss=f"{_HOME}.hints:Attention",
        transfer_weight=1000.0,
        reference="Zagoruyko and Komodakis 2017",
    ),
    Method(
        *("sp", "SP"),
        loss=f"{_HOME}.relations:SimilarityPreserving",
        transfer_weight=3000.0,
        reference="Tung and Mori 2019",
    ),
    Method(
        *("vid", "VID"),
        loss=f"{_HOME}.hints:VariationalInformation",
        reference="Ahn et al. 2019",
    ),
    Method(
        *("crd", "CRD"),
        loss=f"{_HOME}.relations:Contrastive",
        transfer_weight=0.8,
        reference="Tian et al. 2020",
    ),
    Method(
        *("srrl", "SRRL"),
        loss=f"{_HOME}.logits:SoftmaxRegression",
        logits_weight=1.0,
        reference="Yang et al. 2021",
    ),
    Method(
        *("semckd", "SemCKD"),
        loss=f"{_HOME}.semantic:SemanticCalibration",
        transfer_weight=400.0,
        logits_weight=1.0,
        reference="Chen et al. 2021",
    ),
    Method(
        *("dkd", "DKD"),
        loss=f"{_HOME}.logits:DecoupledSoftTargets",
        warmup_share=_RISES,
        reference="Zhao et al. 2022",
    ),
    Method(
        *("reviewkd", "ReviewKD"),
        loss=f"{_HOME}.review:Review",
        warmup_share=_RISES,
        reference="Chen et al. 2021",
    ),
    Method(
        *("simkd", "SimKD", "violet", "shared_head"),
        reference="Chen et al. 2022",
    ),
    Method(
        *("atsc", "ATSC", "blue", "shared_head"),
        reference="arXiv 2406.08528",
    ),
)

# What can be compared, in the order of a table.
METHODS: Mapping[str, Method] = MappingProxyType({m.name: m for m in _ROWS})


def is_own(name: str) -> bool:
    """Tell whether a name is that of a loss of one's own, `module:Class`."""
    module, _, class_name = name.partition(":")
    return class_name.isidentifier() and all(
        part.isidentifier() for part in module.split(".")
    )


def find_method(name: str) -> Method:
    """Find a method, or take a loss of one's own for one.

    Args:
        name: of `METHODS`, where `student` is short for `student_alone`, or
            `my_module:MyLoss`, which is imported when it trains; it has
            weight 1 beside the labels.

    Raises:
        InputError: if it is neither.
    """
    name = "student_alone" if name == "student" else name  # the short word
    if name in METHODS:
        return METHODS[name]
    if is_own(name):
        return Method(name, name.partition(":")[2], loss=name)
    near = difflib.get_close_matches(name, METHODS, cutoff=0.0)
    raise InputError(
        "`--methods` must name methods that are known. Received: "
        f"{name!r}. Nearest: {', '.join(near)}. Known: "
        f"{', '.join(METHODS)}; or my_module:MyLoss for a loss of your own."
    )
