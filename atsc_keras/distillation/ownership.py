"""Whose layers are whose: two networks of a trainer share none."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any
from weakref import WeakKeyDictionary
from weakref import WeakSet

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.walking import leaf_layers

_NAMES_SHOWN = 4

# For each shared classifier the heads of the students it was trained with.
_trained: WeakKeyDictionary[Any, WeakSet] = WeakKeyDictionary()


def check_owners(networks: Mapping[str, keras.Model]) -> None:
    """Check that no two networks have weights in common.

    Args:
        networks: by the words that a message has for them.

    Raises:
        InputError: if two do, with the layers that are shared.
    """
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


def other_students_of(
    classifier: keras.layers.Dense, head: keras.Model
) -> bool:
    """Whether a shared classifier was trained with another student's head.

    Args:
        classifier: the teacher's Dense.
        head: of the student that is trained now; remembered for the next.

    Returns:
        True while such a student, or a model made of it, is still in use.
    """
    heads = _trained.setdefault(classifier, WeakSet())
    others = any(known is not head for known in heads)
    heads.add(head)
    return others
