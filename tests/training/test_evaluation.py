"""Accuracies are those of the reference, on files of every kind."""

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.training.evaluation import (
    classification_metrics,
    gives_probabilities,
)
from tests.reference import golden, under


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
