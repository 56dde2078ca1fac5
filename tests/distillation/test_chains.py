"""A distilled student teaches the next."""

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from tests.distillation.conftest import each_trainer
from tests.tiny import CLASSES, batch, sgd, tiny_encoder, tiny_teacher

pytestmark = pytest.mark.usefixtures("eager_steps")


@each_trainer
@pytest.mark.parametrize("teachers", [1, 2])
def test_student_teaches_with_its_own_logits(
    trainer: type, teachers: int
) -> None:
    images, labels = batch()
    first = ATSC([tiny_teacher() for _ in range(teachers)], tiny_encoder(4))
    first.compile(optimizer=sgd())
    first.fit(images, labels, verbose=0)
    logits = first.predict(images, verbose=0)
    second = trainer(first.student, tiny_teacher(2))
    assert second.teacher.classes == CLASSES
    own = keras.ops.convert_to_numpy(second.teacher(images))
    np.testing.assert_allclose(own, logits, atol=1e-5)


def test_chain_trains_and_saves(tmp_path) -> None:  # noqa: ANN001
    images, labels = batch()
    first = ATSC([tiny_teacher(), tiny_teacher()], tiny_encoder(4))
    second = ATSC(first.student, tiny_encoder(2))
    second.compile(optimizer=sgd(1e-6))
    second.fit(images, labels, verbose=0)
    second.student.save(tmp_path / "student.keras")
    kept = keras.models.load_model(tmp_path / "student.keras", compile=False)
    np.testing.assert_allclose(
        kept.predict(images, verbose=0),
        second.predict(images, verbose=0),
        atol=1e-5,
    )
    assert isinstance(
        KnowledgeDistillation(second.student, tiny_teacher(2)),
        KnowledgeDistillation,
    )
