"""Moving statistics follow as fast as a config says."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.config import StudentConfig, TeacherConfig
from atsc_keras.data import Dataset, Split
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.errors import InputError
from atsc_keras.models.batch_norm import (
    batch_norms,
    keeping_up,
    set_batch_norm_momentum,
)
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.training.networks import build_student, build_teacher
from tests.tiny import batch, sgd, tiny_atsc, tiny_teacher


def tiny_kd(**settings: Any) -> KnowledgeDistillation:
    return KnowledgeDistillation(tiny_teacher(), tiny_teacher(4), **settings)


def test_one_batch_moves_the_statistics_by_what_momentum_leaves() -> None:
    classifier = tiny_teacher()
    set_batch_norm_momentum(classifier, 0.25)
    images, _ = batch()
    norm = classifier.encoder.layers[3]
    before = keras.Model(
        classifier.encoder.inputs, classifier.encoder.layers[2].output
    ).predict(images, verbose=0)
    classifier(images, training=True)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(norm.moving_mean),
        0.75 * before.mean(axis=(0, 1, 2)),
        rtol=1e-4,
        atol=1e-6,
    )


def test_config_sets_it_for_either_network(tmp_path: Path) -> None:
    images, labels = batch()
    split = Split("train", images.astype("uint8"), labels.astype("int64"))
    dataset = Dataset(split, split, tuple("abcd"), (8, 8, 3))
    network = "keras.applications/MobileNet(alpha=0.25)"
    dataset_of_32 = Dataset(
        Split("train", np.zeros((4, 32, 32, 3), "uint8"), labels[:4]),
        split,
        tuple("abcd"),
        (32, 32, 3),
        given_mean=(0.0,) * 3,
        given_std=(1.0,) * 3,
    )

    def momenta(classifier: ImageClassifier) -> set[float]:
        return {
            layer.momentum
            for layer in classifier.encoder._flatten_layers()
            if isinstance(layer, layers.BatchNormalization)
        }

    asked = StudentConfig(network=network)
    assert momenta(build_student(asked, dataset_of_32)) == {0.9}
    asked = StudentConfig(network=network, batch_norm_momentum=0.99)
    assert momenta(build_student(asked, dataset_of_32)) == {0.99}
    path = tmp_path / "teacher.keras"
    tiny_teacher().to_functional().save(path)
    teacher = TeacherConfig(
        network="mine", weights=str(path), batch_norm_momentum=0.5
    )
    assert momenta(build_teacher(teacher, dataset)) == {0.5}


def test_network_without_batch_normalisation_is_refused() -> None:
    images = keras.Input((8, 8, 3))
    encoder = keras.Model(images, layers.Conv2D(4, 3)(images))
    classifier = ImageClassifier(encoder, layers.Dense(3))
    set_batch_norm_momentum(classifier, None)
    with pytest.raises(InputError, match="which has none"):
        set_batch_norm_momentum(classifier, 0.9)


@pytest.mark.parametrize(
    ("own", "arguments", "effective"),
    [
        (0.99, {}, 0.9),
        (0.999, {"batch_norm_momentum": 0.99}, 0.99),
        (0.5, {}, 0.5),
    ],
)
@pytest.mark.parametrize("make", [tiny_atsc, tiny_kd])
def test_statistics_of_a_student_keep_up_while_it_is_taught(
    make: Any, own: float, arguments: dict[str, float], effective: float
) -> None:
    def means(momentum: float, **arguments: float) -> list[np.ndarray]:
        keras.utils.set_random_seed(0)
        trainer = make(**arguments)
        norms = batch_norms([trainer.student.encoder])
        for norm in norms:
            norm.momentum = momentum
        trainer.compile(sgd(0.0))
        trainer.train_on_batch(*batch())
        assert {norm.momentum for norm in norms} == {momentum}
        return [np.array(norm.moving_mean) for norm in norms]

    expected = means(effective, batch_norm_momentum=effective)
    found = means(own, **arguments)
    assert len(found) > 0 and np.any(found[0])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7)


def test_momentum_of_a_method_is_saved_and_checked(tmp_path: Path) -> None:
    tiny_kd(batch_norm_momentum=0.7).save(tmp_path / "trainer.keras")
    again = keras.models.load_model(tmp_path / "trainer.keras")
    assert again.batch_norm_momentum == 0.7
    with pytest.raises(InputError, match="from 0 to under 1"):
        tiny_kd(batch_norm_momentum=1.0)


def test_paces_of_replicas_overlap() -> None:
    norm = layers.BatchNormalization(momentum=0.8)
    pace = keeping_up(keras.Sequential([norm]), 0.4)
    first, second = pace(), pace()
    with first:
        second.__enter__()
        assert norm.momentum == 0.4
    second.__exit__(None, None, None)
    assert norm.momentum == 0.8
