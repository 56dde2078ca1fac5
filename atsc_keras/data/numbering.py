"""Labels as they were stored -> places of classes, each with a name."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atsc_keras.data.checks import check_classes
from atsc_keras.errors import InputError, named, shortened

_NAMES_SHOWN = 10


def number_classes(
    train_labels: NDArray[Any],
    test_labels: NDArray[Any],
    class_names: tuple[str, ...] | None,
    source: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    """Give each class a number from 0, as names or else labels say.

    With names, labels are their places or the names themselves. Without,
    each label of the training part is a class, named by itself; a warning
    says so unless these are 0, 1, ... anyway.

    Args:
        train_labels: as `check_labels` returns them, (N,).
        test_labels: likewise, (M,).
        class_names: a name for each class; None = not given.
        source: names the data in the message.

    Returns:
        Both labels as places of classes, and a name for each class.

    Raises:
        InputError: as `check_classes`; for labels of two kinds.
    """
    parts = (train_labels, test_labels)
    kinds = {part.dtype.kind in "US" for part in parts}
    if len(kinds) > 1:
        raise InputError(
            "Labels of training and test must be of one kind. Received: "
            f"{train_labels.dtype} and {test_labels.dtype} in {source}. Save "
            "both as class numbers."
        )
    if class_names is None:
        found = np.unique(train_labels)
        names = tuple(map(str, found.tolist()))
    else:
        names = class_names
        found = np.array(names) if True in kinds else np.arange(len(names))
        if True not in kinds:
            check_classes(train_labels, test_labels, names, source)
    train, test = (
        _places(part, found, name, source)
        for part, name in zip(parts, ("training", "test"), strict=True)
    )
    names = check_classes(train, test, names, source)
    if class_names is None:
        if names != tuple(map(str, range(len(names)))):
            _warn_of_numbering(names, source)
    else:
        _warn_of_absent(train, names, source)
    return train, test, names


def _places(
    labels: NDArray[Any], known: NDArray[Any], part: str, source: str
) -> NDArray[np.int64]:
    """Find the place of each label among the known ones."""
    order = np.argsort(known, kind="stable")
    places = np.searchsorted(known[order], labels).clip(max=len(known) - 1)
    found: NDArray[np.int64] = order[places].astype(np.int64)
    strange = labels[known[found] != labels]
    if len(strange):
        raise InputError(
            "Every label must be one of the classes. Received: "
            f"{part} label {strange[0]!s} in {source}, whose classes are "
            f"{_listed(list(map(str, known)))}. Correct the labels or add the "
            "missing classes to the training part."
        )
    return found


def _listed(names: Sequence[str]) -> str:
    return named([shortened(name, 30) for name in names], _NAMES_SHOWN)


def _warn_of_numbering(names: tuple[str, ...], source: str) -> None:
    warnings.warn(
        f"The labels of {source} are not 0, 1, 2, ...: {_listed(names)} are "
        f"now the classes 0 to {len(names) - 1}, by these names. Give "
        "class_names if there are others.",
        stacklevel=2,
    )


def _warn_of_absent(
    labels: NDArray[np.int64], names: tuple[str, ...], source: str
) -> None:
    counts = np.bincount(labels, minlength=len(names))
    absent = [names[place] for place in np.flatnonzero(counts == 0)]
    if absent:
        warnings.warn(
            f"{len(absent)} of the {len(names)} classes of {source} have no "
            f"training image: {_listed(absent)}. Take them out of class_names, "
            "or add images.",
            stacklevel=2,
        )
