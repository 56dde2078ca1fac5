"""What a model is worth: accuracy, loss, size."""

import math
from pathlib import Path

import keras

from atsc_keras.data.pipeline import build_pipeline
from atsc_keras.models.complexity import count_multiply_adds, count_parameters
from atsc_keras.records.models import ModelRecord
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.networks import check_fits, load_classifier


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
    path: Path, network: str, experiment: Experiment
) -> ModelRecord:
    """Evaluate a saved classifier on the test split.

    Args:
        path: of the `.keras` file.
        network: its name, for the report.
        experiment: whose test split and batch size count.

    Raises:
        InputError: if the file cannot be loaded or does not fit the data.
    """
    dataset = experiment.dataset
    model = load_classifier(path, dataset=dataset)
    check_fits(model, path, dataset)
    # Nothing is mixed here: class numbers will do.
    data = experiment.config.data.model_copy(update={"augmentations": ()})
    test = build_pipeline(dataset, "test", data, training=False)
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=not gives_probabilities(model)
        ),
        metrics=classification_metrics(model.output_shape[-1]),
    )
    with dataset.naming_broken_files():
        scores = model.evaluate(test.batches, verbose=0, return_dict=True)
    loss = float(scores["loss"])
    return ModelRecord(
        file=path.name,
        network=network,
        classes=model.output_shape[-1],
        accuracy=float(scores["accuracy"]),
        top5_accuracy=float(scores["top5_accuracy"]),
        loss=loss if math.isfinite(loss) else None,
        parameters=count_parameters(model),
        multiply_adds=count_multiply_adds(model),
        bytes=path.stat().st_size,
    )
