"""How much the images of each class count."""

from collections.abc import Mapping

import numpy as np

from atsc_keras.data.dataset import Dataset
from atsc_keras.errors import InputError
from atsc_keras.training.experiment import Experiment


def class_weights(
    asked: str | Mapping[str | int, float] | None, dataset: Dataset
) -> dict[int, float] | None:
    """Resolve the `class_weight` of a recipe for `fit`.

    Args:
        asked: None; "balanced"; or a weight for classes by name or number,
            1 for those that are not named.
        dataset: whose training labels and class names count.

    Returns:
        A weight for each class; balanced ones are `images / (classes * images
        of the class)`, so that every class counts alike and the mean over all
        images is 1. None where nothing is asked for.

    Raises:
        InputError: for the name of no class.
    """
    if asked is None:
        return None
    names = list(dataset.class_names)
    if isinstance(asked, str):
        return _balanced(dataset)
    weights = dict.fromkeys(range(len(names)), 1.0)
    for key, weight in asked.items():
        number = names.index(str(key)) if str(key) in names else key
        if number not in weights:
            shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
            raise InputError(
                "`class_weight` must name classes of the data, or their "
                f"numbers. Received: {key!r}, classes {shown}. Correct the "
                "name."
            )
        weights[int(number)] = float(weight)
    return weights


def check_class_weights(experiment: Experiment) -> None:
    """Check the classes that the recipes of a config name, before any runs.

    Raises:
        InputError: for the name of no class.
    """
    config = experiment.config
    methods = config.methods
    recipes = [
        *(teacher.training for teacher in config.teachers),
        config.student.training,
        config.distillation.training,
        *(getattr(methods, m).training for m in type(methods).model_fields),
    ]
    for recipe in recipes:
        # Balanced ones have no names, and counting may take long.
        if recipe is not None and isinstance(recipe.class_weight, dict):
            class_weights(recipe.class_weight, experiment.dataset)


def _balanced(dataset: Dataset) -> dict[int, float]:
    counts = dataset.train.count_labels(len(dataset.class_names))
    present = counts > 0
    share = counts.sum() / (present.sum() * np.maximum(counts, 1))
    return {index: float(weight) for index, weight in enumerate(share)}
