"""The loss's terms: optional ones, sample weights, labels, ranks."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from tests.distillation.test_roles import gradients
from tests.tiny import (
    CLASSES,
    PUBLISHED,
    SHAPE,
    batch,
    moved,
    sgd,
    tiny_atsc,
    tiny_encoder,
    tiny_teacher,
    values,
)

pytestmark = pytest.mark.usefixtures("eager_steps")


def logs_of_one_step(atsc: ATSC, **arguments: object) -> dict[str, float]:
    atsc.compile(optimizer=sgd(), loss=arguments.pop("loss", None))
    images, labels = batch()
    labels = arguments.pop("labels", labels)
    return atsc.train_on_batch(images, labels, return_dict=True, **arguments)


def twins(first: dict, second: dict) -> tuple[ATSC, ATSC]:
    one, two = (tiny_atsc(**{**PUBLISHED, **x}) for x in (first, second))
    two.set_weights(one.get_weights())
    return one, two


@pytest.mark.parametrize(
    "setting", [{"student_loss_weight": 1.0}, {"logits_loss_weight": 1.0}]
)
def test_optional_terms_teach_the_student_only(setting: dict) -> None:
    plain, extra = twins({}, setting)
    shared = [[*a.teacher.trainable_variables] for a in (plain, extra)]
    for without, with_term in zip(
        gradients(plain, shared[0]), gradients(extra, shared[1]), strict=True
    ):
        np.testing.assert_allclose(without, with_term, rtol=1e-5, atol=1e-7)
    student = [a.student.encoder.trainable_variables for a in (plain, extra)]
    differences = [
        np.abs(without - with_term).max()
        for without, with_term in zip(
            gradients(plain, student[0]),
            gradients(extra, student[1]),
            strict=True,
        )
    ]
    assert min(differences) > 1e-6


def test_optional_terms_act_on_the_shared_logits() -> None:
    plain, extra = twins({}, {"student_loss_weight": 2.0})
    images, labels = batch()
    logits = plain.student(images, training=True)
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
        labels, logits
    )
    difference = (
        logs_of_one_step(extra)["loss"] - logs_of_one_step(plain)["loss"]
    )
    np.testing.assert_allclose(
        difference, 2 * float(ops.stop_gradient(expected)), rtol=1e-4
    )


def test_loss_is_the_sum_of_its_terms() -> None:
    atsc = tiny_atsc(**PUBLISHED, feature_loss_weight=3.0, l2sp_weight=2.0)
    atsc.starting_point[0].assign(atsc.starting_point[0] + 0.1)
    logs = logs_of_one_step(atsc)
    assert logs["l2sp_loss"] > 0
    expected = (
        3 * logs["feature_loss"] + 2 * logs["l2sp_loss"] + logs["teacher_loss"]
    )
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-6)


def test_normalized_feature_loss_is_relative_to_the_teachers_variance() -> None:
    plain, relative = twins({}, {"feature_loss": "normalized_mse"})
    features = ops.convert_to_numpy(
        plain.teacher.encoder(batch()[0], training=True)
    )
    variance = features.reshape(-1, features.shape[-1]).var(axis=0).mean()
    absolute = logs_of_one_step(plain)["feature_loss"]
    assert logs_of_one_step(relative)["feature_loss"] == pytest.approx(
        absolute / variance, rel=1e-4
    )


def test_regularisers_of_the_given_models_count() -> None:
    regularizer = keras.regularizers.L2(0.1)
    student = tiny_encoder(4, regularizer=regularizer)
    atsc = ATSC(tiny_teacher(), student, **PUBLISHED)
    penalty = sum(
        0.1 * float((kernel**2).sum())
        for kernel in values(atsc.student.encoder)
        if kernel.ndim == 4
    )
    logs = logs_of_one_step(atsc)
    terms = logs["feature_loss"] + logs["l2sp_loss"] + logs["teacher_loss"]
    np.testing.assert_allclose(logs["loss"] - terms, penalty, rtol=1e-4)


def test_zero_weighted_samples_count_in_no_term() -> None:
    # Batch statistics see every image, so both halves hold the same ones.
    images, labels = batch(4)
    both = np.concatenate([images, images])
    right = np.concatenate([labels, labels])
    wrong = np.concatenate([labels, (labels + 1) % CLASSES])
    weight = np.array([1.0] * 4 + [0.0] * 4)
    settings = {"student_loss_weight": 1.0, "logits_loss_weight": 1.0}
    logs = []
    for labels_given in (right, wrong):
        keras.utils.set_random_seed(0)
        atsc = tiny_atsc(**settings)
        atsc.compile(optimizer=sgd())
        logs.append(
            atsc.train_on_batch(
                both, labels_given, sample_weight=weight, return_dict=True
            )
        )
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], rel=1e-6)
    keras.utils.set_random_seed(0)
    full = tiny_atsc(**settings)
    full.compile(optimizer=sgd())
    whole = full.train_on_batch(both, right, return_dict=True)
    for name in ("feature_loss", "teacher_loss", "loss"):
        assert logs[0][name] == pytest.approx(whole[name] / 2, rel=1e-5)


def test_class_weight_reaches_the_terms() -> None:
    images, labels = batch()
    results = []
    for weight in (None, {k: 2.0 for k in range(CLASSES)}):
        keras.utils.set_random_seed(0)
        atsc = tiny_atsc()
        atsc.compile(optimizer=sgd(1e-6))
        history = atsc.fit(
            images, labels, batch_size=8, class_weight=weight, verbose=0
        )
        results.append(history.history)
    for name in ("feature_loss", "teacher_loss"):
        ratio = results[1][name][0] / results[0][name][0]
        assert ratio == pytest.approx(2.0, rel=1e-5)


def test_one_hot_labels_equal_sparse_ones() -> None:
    sparse, one_hot = twins({}, {})
    _, labels = batch()
    expected = logs_of_one_step(sparse)
    actual = logs_of_one_step(
        one_hot,
        loss="categorical_crossentropy",
        labels=np.eye(CLASSES, dtype="float32")[labels],
    )
    for name, value in expected.items():
        assert actual[name] == pytest.approx(value, rel=1e-5), name


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.SparseCategoricalCrossentropy(),
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="none"
        ),
        keras.losses.MeanSquaredError(),
        keras.losses.CategoricalHinge(),
        "mse",
        lambda y, logits: 0.0,
    ],
)
def test_loss_that_is_no_mean_over_logits_is_refused(loss: object) -> None:
    with pytest.raises(InputError, match="logits"):
        tiny_atsc().compile(optimizer="sgd", loss=loss)


class Halved(keras.losses.Loss):
    """A loss of the user's own."""

    def call(self, y_true: object, y_pred: object) -> object:
        return 0.5 * keras.losses.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=True
        )


def test_own_loss_on_logits_is_used() -> None:
    plain, halved = twins({}, {})
    expected = logs_of_one_step(plain)["teacher_loss"] / 2
    actual = logs_of_one_step(halved, loss=Halved())["teacher_loss"]
    assert actual == pytest.approx(expected, rel=1e-5)


def test_missing_optimizer_is_refused() -> None:
    with pytest.raises(InputError, match="optimizer=None"):
        tiny_atsc().compile(optimizer=None)


def vector_model(units: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dense(CLASSES),
        ]
    )


@pytest.mark.parametrize("teacher", ["map", "vector"])
@pytest.mark.parametrize("student", ["map", "vector"])
def test_maps_and_vectors_align_in_every_combination(
    teacher: str, student: str
) -> None:
    models = {
        "map": lambda channels: tiny_teacher(channels),
        "vector": lambda units: vector_model(units),
    }
    atsc = ATSC(models[teacher](8), models[student](6))
    before = values(atsc.student.encoder)
    logs = logs_of_one_step(atsc)
    assert all(moved(before, atsc.student.encoder))
    assert np.isfinite(logs["loss"])
    assert atsc.predict(batch()[0], verbose=0).shape == (8, CLASSES)


@pytest.mark.parametrize("strides", [(1, 2), (2, 1)])
def test_maps_of_different_sizes_are_pooled(strides: tuple[int, int]) -> None:
    atsc = ATSC(
        tiny_teacher(strides=strides[0]), tiny_encoder(4, strides=strides[1])
    )
    assert np.isfinite(logs_of_one_step(atsc)["feature_loss"])


def headed(*head: layers.Layer) -> keras.Model:
    """A teacher whose head begins with these layers."""
    encoder = tiny_encoder(8, strides=1)
    x = encoder.output
    for layer in head:
        x = layer(x)
    return keras.Model(encoder.input, layers.Dense(CLASSES)(x))


def test_pooled_teacher_takes_a_smaller_student_map() -> None:
    pooling = layers.GlobalAveragePooling2D()
    atsc = ATSC(headed(pooling, layers.Dropout(0.5)), tiny_encoder(4))
    assert np.isfinite(logs_of_one_step(atsc)["feature_loss"])
    atsc.student.to_functional()


@pytest.mark.parametrize("more", [[], [layers.Dropout(0.5)]])
def test_flatten_teacher_refuses_a_smaller_student_map(
    more: list[layers.Layer],
) -> None:
    with pytest.raises(InputError, match="at least as large as the teacher's"):
        ATSC(headed(layers.Flatten(), *more), tiny_encoder(4, strides=2))


def test_feature_power_starts_at_one_and_follows_the_features() -> None:
    atsc = tiny_atsc()
    assert logs_of_one_step(atsc)["teacher_feature_power"] == 1.0
    last = atsc.teacher.encoder.layers[-2]
    last.gamma.assign(last.gamma * 0.5)
    last.beta.assign(last.beta * 0.5)
    atsc.reset_metrics()
    logs = atsc.train_on_batch(*batch(), return_dict=True)
    # Half the scale is a quarter of the power; the step moved it a little.
    assert logs["teacher_feature_power"] == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"feature_loss_weight": -1.0}, "feature_loss_weight=-1.0"),
        ({"l2sp_weight": float("nan")}, "finite.*l2sp_weight=nan"),
        ({"l2sp_weight": float("inf")}, "finite.*l2sp_weight=inf"),
        ({"student_loss_weight": "1"}, "finite.*student_loss_weight='1'"),
        ({"logits_loss_weight": None}, "finite.*logits_loss_weight=None"),
        ({"temperature": 0.0}, "temperature=0.0"),
        ({"l2sp_scope": "biases"}, "l2sp_scope='biases'"),
        ({"feature_loss": "mae"}, "feature_loss='mae'"),
        ({"reduction": 99}, "reduction=99"),
        ({"reduction": 2.0}, r"reduction=2\.0"),
        ({"reduction": "2"}, "reduction='2'"),
    ],
)
def test_settings_out_of_range_are_refused(
    settings: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        tiny_atsc(**settings)


def test_networks_that_do_not_fit_are_refused() -> None:
    other = keras.Sequential(
        [keras.Input((4, 4, 3)), layers.Conv2D(3, 3), layers.Flatten()]
    )
    with pytest.raises(InputError, match="same images"):
        ATSC(tiny_teacher(), other)
    more = ImageClassifier(tiny_encoder(4), layers.Dense(CLASSES + 1))
    with pytest.raises(InputError, match="same classes"):
        ATSC(tiny_teacher(), more)
    with pytest.raises(InputError, match="same classes"):
        ATSC([tiny_teacher(), more], tiny_encoder(4))
    one_unit = ImageClassifier(tiny_encoder(4), layers.Dense(1))
    with pytest.raises(InputError, match="a teacher with 1."):
        ATSC(one_unit, tiny_encoder(4))
    with pytest.raises(InputError, match="At least one teacher"):
        ATSC([], tiny_encoder(4))
