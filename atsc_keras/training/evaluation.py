"""What a model is worth: accuracy, loss, size."""

import math
from pathlib import Path

import keras

from atsc_keras.data.pipeline import build_pipeline
from atsc_keras.models.complexity import count_multiply_adds, count_parameters
from atsc_keras.records.models import ModelRecord
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.networks import (
    check_fits,
    find_wrong_pixels,
    load_classifier,
    of_classes,
)


def classification_metrics(
    classes: int, soft_labels: bool = False
) -> list[keras.metrics.Metric]:
    """Make top-1 and top-5 accuracy (top-k of all classes where fewer).

    Args:
        classes: of the model.
        soft_labels: whether labels are rows of shares, of which the largest
            counts, instead of class numbers.
    """
    if soft_labels:
        return [
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.TopKCategoricalAccuracy(
                k=min(5, classes), name="top5_accuracy"
            ),
        ]
    return [
        keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        keras.metrics.SparseTopKCategoricalAccuracy(
            k=min(5, classes), name="top5_accuracy"
        ),
    ]


def gives_probabilities(model: keras.Model) -> bool:
    """Tell whether the model ends in a softmax."""
    last = model.layers[-1]
    while isinstance(last, keras.Model):
        last = last.layers[-1]
    activation = getattr(last, "activation", None)
    return isinstance(last, keras.layers.Softmax) or (
        getattr(activation, "__name__", "") == "softmax"
    )


def evaluate_file(
    path: Path, network: str, experiment: Experiment, is_foreign: bool = False
) -> ModelRecord:
    """Evaluate a saved classifier on the test split.

    Args:
        path: of the `.keras` file.
        network: its name, for the report.
        experiment: whose test split and batch size count.
        is_foreign: whether it may want other pixels than plain ones: a note
            then says so where the images do.

    Raises:
        InputError: if the file cannot be loaded or does not fit the data.
    """
    dataset = experiment.dataset
    model = load_classifier(path, dataset=dataset)
    check_fits(model, path, dataset)
    with dataset.naming_broken_files():
        found = find_wrong_pixels(model, dataset) if is_foreign else None
    if found is not None:
        print(
            f"Note: given pixels from 0 to 255, {path} {found.seen}. Save "
            "atsc_keras.ImageClassifier.from_model(model, pixels="
            f"{found.example!r}).to_functional(), or with what it was trained "
            "on, and evaluate that.",
            flush=True,
        )
    classifier = of_classes(model)
    # Nothing is mixed here: class numbers will do.
    data = experiment.config.data.model_copy(update={"augmentations": ()})
    test = build_pipeline(dataset, "test", data, training=False)
    classifier.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=not gives_probabilities(classifier)
        ),
        metrics=classification_metrics(classifier.output_shape[-1]),
    )
    with dataset.naming_broken_files():
        scores = classifier.evaluate(test.batches, verbose=0, return_dict=True)
    loss = float(scores["loss"])
    return ModelRecord(
        file=path.name,
        network=network,
        classes=classifier.output_shape[-1],
        accuracy=float(scores["accuracy"]),
        top5_accuracy=float(scores["top5_accuracy"]),
        loss=loss if math.isfinite(loss) else None,
        parameters=count_parameters(model),
        multiply_adds=count_multiply_adds(model),
        bytes=path.stat().st_size,
    )
