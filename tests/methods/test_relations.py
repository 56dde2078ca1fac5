"""Methods that compare relations, number by number in numpy."""

import keras
import numpy as np
import pytest
from keras import ops

from atsc_keras.methods.relations import Contrastive, SimilarityPreserving
from atsc_keras.methods.semantic import SemanticCalibration
from tests.methods.conftest import (
    IMAGES,
    LABELS,
    STUDENT,
    TEACHER,
    TOLERANCE,
    computed,
    image_mean,
    pooled,
    prepared,
    softmax,
)


def similarities(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(IMAGES, -1)
    products = flat @ flat.T
    return products / np.linalg.norm(products, axis=1, keepdims=True)


def test_similarity_compares_all_pairs_of_images() -> None:
    difference = similarities(TEACHER.maps[-1]) - similarities(STUDENT.maps[-1])
    expected = (difference**2).sum() / IMAGES**2
    actual = computed(SimilarityPreserving()).mean()
    np.testing.assert_allclose(actual, expected, **TOLERANCE)


def embedded(sequential: keras.Sequential, x: np.ndarray) -> np.ndarray:
    for layer in sequential.layers:
        kernel, bias = layer.get_weights()
        x = x @ kernel + bias
        if layer.activation is keras.activations.relu:
            x = np.maximum(x, 0)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.maximum(length, 1e-6)


def test_contrast_tells_the_pair_from_other_classes() -> None:
    loss = prepared(Contrastive(3, temperature=0.5, memory=6, images=10))
    np.testing.assert_allclose(
        computed(loss), positives(loss, count=1), **TOLERANCE
    )
    t, s = own_embeddings(loss)
    expected = np.zeros(IMAGES)
    for i in range(IMAGES):
        others = [j for j in range(IMAGES) if LABELS[j] != LABELS[i]]
        share = len(others) / 10
        for anchor, bank in ((t, s), (s, t)):
            e = np.exp(t[i] @ s[i] / 0.5)
            expected[i] -= np.log(e / (e + share))
            for j in others:
                e = np.exp(anchor[i] @ bank[j] / 0.5)
                expected[i] -= np.log(1 - e / (e + share))
    np.testing.assert_allclose(computed(loss), expected, **TOLERANCE)


def own_embeddings(loss: Contrastive) -> tuple[np.ndarray, np.ndarray]:
    return (
        embedded(loss.embeddings[0], TEACHER.embedding),
        embedded(loss.embeddings[1], STUDENT.embedding),
    )


def positives(loss: Contrastive, count: int) -> np.ndarray:
    """The loss while the memory is empty."""
    t, s = own_embeddings(loss)
    e = np.exp((t * s).sum(axis=1) / 0.5)
    return -2 * np.log(e / (e + count / 10))


def test_memory_of_the_contrast_keeps_the_newest() -> None:
    loss = prepared(Contrastive(3, memory=6))
    for _ in range(2):
        computed(loss)
    classes = ops.convert_to_numpy(loss.queued_classes)
    assert classes.tolist() == [*(LABELS + 1), *(LABELS + 1)[:2]]
    queued = ops.convert_to_numpy(loss.queues[1])
    newest = own_embeddings(loss)[1]
    np.testing.assert_allclose(queued[:IMAGES], newest, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_size", [2, IMAGES, 6])
def test_semantic_calibration_weighs_all_pairs_of_maps(batch_size: int) -> None:
    loss = prepared(SemanticCalibration(batch_size))

    def rows(x: np.ndarray) -> np.ndarray:
        padded = np.pad(similarities(x), ((0, 0), (0, batch_size)))
        return padded[:, :batch_size]

    keys, queries = (
        np.stack([embedded(e, rows(x)) for e, x in zip(es, xs, strict=True)], 1)
        for es, xs in ((loss.keys, TEACHER.maps), (loss.queries, STUDENT.maps))
    )
    shares = softmax(np.einsum("bid,bjd->bij", queries, keys))
    expected = np.zeros(IMAGES)
    for i, s in enumerate(STUDENT.maps):
        for j, t in enumerate(TEACHER.maps):
            side = min(s.shape[1], t.shape[1])
            model = loss.regressors[i][j]
            source = ops.convert_to_tensor(pooled(s, side))
            regressed = ops.stop_gradient(model(source, training=True))
            regressed = np.array(ops.convert_to_numpy(regressed))
            gap = image_mean((regressed - pooled(t, side)) ** 2)
            expected += shares[:, i, j] * gap / len(STUDENT.maps)
    np.testing.assert_allclose(computed(loss), expected, **TOLERANCE)
