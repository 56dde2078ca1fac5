"""Whose layers are whose: two networks of a trainer share none."""

import gc
import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import leaf_layers

_NAMES_SHOWN = 4

# For each shared classifier the heads of the students it was trained with.
_trained: WeakKeyDictionary[Any, WeakSet] = WeakKeyDictionary()


def check_owners(teachers: Sequence[keras.Model], student: keras.Model) -> None:
    """Check that no two networks have weights in common.

    Args:
        teachers: one or several.
        student: what learns from them.

    Raises:
        InputError: if two do, with the layers that are shared.
    """
    networks = {f"teacher {n}": t for n, t in enumerate(teachers, start=1)}
    if len(teachers) == 1:
        networks = {"teacher": teachers[0]}
    networks["student"] = student
    for (first, one), (second, other) in combinations(networks.items(), 2):
        owned = set(map(id, one.variables))
        shared = [
            layer.name
            for layer in leaf_layers(other)
            if not owned.isdisjoint(map(id, layer.variables))
        ]
        if shared:
            more = "" if len(shared) <= _NAMES_SHOWN else ", ..."
            raise InputError(
                f"The {first} and the {second} must not share layers: what "
                "one learns, the other would. Received: "
                f"{len(shared)} in both ({', '.join(shared[:_NAMES_SHOWN])}"
                f"{more}). Build or load each by itself, or make one a copy: "
                "copy = keras.models.clone_model(model), then "
                "copy.set_weights(model.get_weights())."
            )


def warn_of_other_students(
    classifier: keras.layers.Dense, head: keras.Model
) -> None:
    """Warn where training moves what an earlier student answers.

    Args:
        classifier: the teacher's Dense, which learns.
        head: of the student that is trained now; remembered for the next.
    """
    heads = _trained.setdefault(classifier, WeakSet())
    if others := any(known is not head for known in heads):
        gc.collect()  # models that nobody uses are circles
        others = any(known is not head for known in heads)
    heads.add(head)
    if others:
        warnings.warn(
            "The classifier of this teacher is shared with another student, "
            "trained earlier and still in use: what it answers will change. "
            "Save that student first, and load its file, or give this one a "
            "teacher of its own.",
            stacklevel=4,
        )
