"""A layer augments each training batch once, for all networks."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.distillation_trainer import DistillationTrainer
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from tests.tiny import batch, sgd, tiny_encoder, tiny_teacher, values


class UpsideDown(keras.layers.Layer):
    """Turns images over in training."""

    def call(self, images: Any, training: bool = False) -> Any:
        return keras.ops.flip(images, axis=1) if training else images


def made(
    kind: type[DistillationTrainer], layer: keras.layers.Layer | None
) -> DistillationTrainer:
    keras.utils.set_random_seed(1)
    student = tiny_encoder(4) if kind is ATSC else tiny_teacher(4)
    trainer = kind(tiny_teacher(), student, augmentation=layer)
    trainer.compile(optimizer=sgd(), metrics=["accuracy"])
    return trainer


@pytest.mark.parametrize("kind", [ATSC, KnowledgeDistillation])
def test_step_is_that_of_the_augmented_batch(
    kind: type[DistillationTrainer],
) -> None:
    images, labels = batch()
    plain, turning = made(kind, None), made(kind, UpsideDown())
    expected = plain.train_on_batch(images[:, ::-1], labels, return_dict=True)
    found = turning.train_on_batch(images, labels, return_dict=True)
    assert found == pytest.approx(expected, rel=1e-5)
    for own, other in zip(values(turning), values(plain), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [ATSC, KnowledgeDistillation])
def test_evaluation_is_of_the_images_as_they_are(
    kind: type[DistillationTrainer],
) -> None:
    images, labels = batch()
    plain, turning = made(kind, None), made(kind, UpsideDown())
    assert turning.evaluate(images, labels, verbose=0) == pytest.approx(
        plain.evaluate(images, labels, verbose=0)
    )
    np.testing.assert_allclose(
        turning.predict(images, verbose=0),
        plain.predict(images, verbose=0),
        rtol=1e-6,
    )


def test_random_layer_draws_anew_each_step_and_is_saved(tmp_path: Path) -> None:
    images, labels = batch()
    atsc = made(ATSC, keras.layers.RandomTranslation(0.5, 0.5, seed=3))
    seeds = atsc.augmentation.generator.state
    before = np.array(seeds)
    atsc.fit(images, labels, batch_size=4, epochs=1, verbose=0)
    assert not np.array_equal(before, np.array(seeds))
    atsc.save(tmp_path / "atsc.keras")
    again = keras.models.load_model(tmp_path / "atsc.keras")
    assert isinstance(again.augmentation, keras.layers.RandomTranslation)
    assert again.augmentation.get_config() == atsc.augmentation.get_config()
