"""Several teachers are the one-teacher method, summed."""

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from tests.tiny import batch
from tests.tiny import moved
from tests.tiny import sgd
from tests.tiny import tiny_encoder
from tests.tiny import tiny_teacher
from tests.tiny import values


def two_teachers() -> ATSC:
    return ATSC([tiny_teacher(8), tiny_teacher(6, strides=1)], tiny_encoder(4))


def test_logits_are_the_mean_over_the_teachers_classifiers() -> None:
    atsc = two_teachers()
    images, _ = batch()
    features = atsc.student.features(images, training=False)
    each = [
        keras.ops.convert_to_numpy(teacher.classify(x))
        for teacher, x in zip(atsc.teachers, features, strict=True)
    ]
    np.testing.assert_allclose(
        atsc.predict(images, verbose=0),
        np.mean(each, axis=0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_losses_are_sums_over_the_teachers() -> None:
    atsc = two_teachers()
    singles = [ATSC(teacher, atsc.student.encoder) for teacher in atsc.teachers]
    for single, projector in zip(singles, atsc.student.projectors, strict=True):
        single.student.projectors[0].set_weights(projector.get_weights())
    start = values(atsc)
    sums = {"feature_loss": 0.0, "teacher_loss": 0.0}
    for single in singles:
        atsc.set_weights(start)  # the networks are the same objects
        single.compile(optimizer=sgd())
        logs = single.train_on_batch(*batch(), return_dict=True)
        for name in sums:
            sums[name] += logs[name]
    atsc.set_weights(start)
    atsc.compile(optimizer=sgd())
    logs = atsc.train_on_batch(*batch(), return_dict=True)
    for name, value in sums.items():
        assert logs[name] == pytest.approx(value, rel=1e-5), name


def test_every_teacher_and_projector_learns() -> None:
    atsc = two_teachers()
    atsc.compile(optimizer=sgd())
    parts = [*atsc.teachers, *atsc.student.projectors]
    before = [values(part) for part in parts]
    atsc.train_on_batch(*batch())
    for old, part in zip(before, parts, strict=True):
        assert all(moved(old, part))


def test_functional_student_keeps_every_head() -> None:
    atsc = two_teachers()
    images, _ = batch()
    functional = atsc.student.to_functional()
    np.testing.assert_allclose(
        functional.predict(images, verbose=0),
        atsc.predict(images, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )
