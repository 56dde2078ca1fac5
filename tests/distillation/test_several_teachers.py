"""Several teachers are the one-teacher method, summed."""

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from tests.tiny import batch, moved, sgd, tiny_encoder, tiny_teacher, values

pytestmark = pytest.mark.usefixtures("eager_steps")


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


def test_logs_tell_the_teachers_apart() -> None:
    atsc = two_teachers()
    for start in atsc.starting_point[len(atsc.teacher.encoder.weights) :]:
        start.assign(start + 0.1)  # of the second teacher only
    atsc.compile(optimizer=sgd())
    logs = atsc.train_on_batch(*batch(), return_dict=True)
    for name in ("feature_loss", "l2sp_loss", "teacher_loss"):
        parts = logs[f"{name}_1"] + logs[f"{name}_2"]
        assert logs[name] == pytest.approx(parts, rel=1e-5), name
    assert logs["l2sp_loss_1"] == 0
    assert logs["l2sp_loss_2"] > 0.1
    assert logs["feature_loss_1"] != logs["feature_loss_2"]
    mean = (logs["teacher_accuracy_1"] + logs["teacher_accuracy_2"]) / 2
    assert logs["teacher_accuracy"] == pytest.approx(mean)


def test_feature_power_of_all_is_the_least() -> None:
    atsc = two_teachers()
    atsc.compile(optimizer=sgd(0.0))
    atsc.train_on_batch(*batch())
    norm = atsc.teachers[1].encoder.layers[-2]
    norm.gamma.assign(norm.gamma * 0.5)
    norm.beta.assign(norm.beta * 0.5)
    atsc.reset_metrics()
    logs = atsc.train_on_batch(*batch(), return_dict=True)
    assert logs["teacher_feature_power_1"] == pytest.approx(1.0, rel=1e-4)
    assert logs["teacher_feature_power_2"] == pytest.approx(0.25, rel=1e-4)
    assert logs["teacher_feature_power"] == pytest.approx(0.25, rel=1e-4)


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
