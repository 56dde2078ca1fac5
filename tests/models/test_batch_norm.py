"""Moving statistics follow as fast as a config says."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.config import StudentConfig, TeacherConfig
from atsc_keras.data import Dataset, Split
from atsc_keras.errors import InputError
from atsc_keras.models.batch_norm import set_batch_norm_momentum
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.training.networks import build_student, build_teacher
from tests.tiny import batch, tiny_teacher


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
    assert momenta(build_student(asked, dataset_of_32)) == {0.99}
    asked = StudentConfig(network=network, batch_norm_momentum=0.8)
    assert momenta(build_student(asked, dataset_of_32)) == {0.8}
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
