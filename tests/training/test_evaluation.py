"""Accuracies are those of the reference, on files of every kind."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.config import load_config
from atsc_keras.data.loading import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.training.evaluation import (
    classification_metrics,
    gives_probabilities,
)
from atsc_keras.training.jobs import evaluate
from atsc_keras.training.networks import build_student, build_teacher
from tests.reference import golden, under
from tests.tiny_experiment import write_config, write_data

pytestmark = pytest.mark.usefixtures("unrendered")


def test_top1_and_top5_equal_the_reference() -> None:
    trace = under(golden("units"), "topk")
    results = []
    for metric in classification_metrics(classes=10):
        logits = trace["logits"].astype("float32")
        metric.update_state(trace["labels"], logits)
        results.append(100 * float(metric.result()))
    np.testing.assert_allclose(results, trace["acc1_acc5_percent"], rtol=1e-6)


def test_rows_count_by_their_largest_share() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 10)).astype("float32")
    labels = np.arange(20) % 10
    rows = 0.6 * np.eye(10)[labels] + 0.4 * np.eye(10)[(labels + 3) % 10]
    for sparse, soft in zip(
        classification_metrics(10),
        classification_metrics(10, soft_labels=True),
        strict=True,
    ):
        sparse.update_state(labels, logits)
        soft.update_state(rows, logits)
        assert sparse.name == soft.name
        assert float(sparse.result()) == float(soft.result())


def test_few_classes_are_always_in_the_top_five() -> None:
    top5 = classification_metrics(classes=3)[1]
    top5.update_state([0, 1], [[0.0, 1.0, 2.0], [2.0, 0.0, 1.0]])
    assert float(top5.result()) == 1


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ([layers.Dense(3)], False),
        ([layers.Dense(3, activation="softmax")], True),
        ([layers.Dense(3), layers.Softmax()], True),
        ([layers.Dense(3), layers.Activation("softmax")], True),
    ],
)
def test_softmax_is_recognised_inside_nested_models(
    head: list, expected: bool
) -> None:
    inner = keras.Sequential([keras.Input((4,)), *head])
    outer = keras.Sequential([keras.Input((4,)), inner])
    assert gives_probabilities(outer) is expected


def of_one_unit(*end: layers.Layer) -> keras.Model:
    """It answers by brightness: some images right, some wrong."""
    image = keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.Sequential([*end])(pooled))
    # In the middle of the darker class: some of it is taken for the brighter.
    model.layers[-1].layers[0].set_weights(
        [np.full((3, 1), 20.0), np.array([-10.5])]
    )
    return model


def of_two_classes(folder: Path, model: keras.Model) -> tuple[Any, str]:
    path = str(folder / "unit.keras")
    model.save(path)
    given = {"network": "own", "weights": path}
    config = write_config(folder, epochs=1, teacher=given, student=given)
    write_data(folder, classes=2)
    return load_config(config), path


@pytest.mark.parametrize(
    "end",
    [
        [("Dense", {"units": 1, "activation": "sigmoid"})],
        [
            ("Dense", {"units": 1}),
            ("Activation", {"activation": "sigmoid"}),
            ("Reshape", {"target_shape": (1,)}),
        ],
    ],
)
def test_one_sigmoid_unit_is_evaluated_as_two_classes(
    end: list, tmp_path: Path
) -> None:
    model = of_one_unit(*(getattr(layers, x)(**y) for x, y in end))
    config, path = of_two_classes(tmp_path, model)
    dataset = load_dataset(config.data)
    images, labels = dataset.test.arrays
    p = model.predict(images.astype("float32"), verbose=0)[:, 0]
    right = np.where(labels == 1, p, 1 - p)
    found = evaluate(config, path)
    assert found.classes == 2
    assert 0.5 < found.accuracy < 1
    assert found.accuracy == pytest.approx(np.mean(right > 0.5))
    # Both are float32, one of logits, one of probabilities.
    assert found.loss == pytest.approx(np.mean(-np.log(right)), rel=1e-4)
    assert found.parameters == model.count_params()
    # It may teach and learn as well.
    teacher = build_teacher(config.teachers[0], dataset)
    assert teacher.classes == build_student(config.student, dataset).classes
    logits = teacher.predict(images.astype("float32"), verbose=0)
    np.testing.assert_array_equal(logits.argmax(-1), p > 0.5)


def test_one_unit_without_a_sigmoid_is_refused(tmp_path: Path) -> None:
    config, path = of_two_classes(tmp_path, of_one_unit(layers.Dense(1)))
    with pytest.raises(InputError, match="1 classes.*for two classes a sigm"):
        evaluate(config, path)
