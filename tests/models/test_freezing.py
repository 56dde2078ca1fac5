"""A teacher of which only a part adapts."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from atsc_keras.backend import value_and_grad
from atsc_keras.errors import InputError
from atsc_keras.models.freezing import adapt_only, flags_kept, training_pass
from atsc_keras.models.image_classifier import ImageClassifier
from tests.tiny import CLASSES, SHAPE, batch, tiny_teacher


def stage(name: str, channels: int) -> keras.Model:
    features = keras.Input((None, None, channels))
    x = layers.Conv2D(4, 3, padding="same", name=f"{name}_conv")(features)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    x = layers.Dropout(0.5, name=f"{name}_dropout")(x)
    return keras.Model(features, layers.ReLU()(x), name=name)


def staged_teacher() -> ImageClassifier:
    """Two nested stages after a stem, every one of them with dropout."""
    images = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Dropout(0.5, name="stem_dropout")(x)
    x = layers.Conv2D(4, 1, name="stem_conv")(x)
    x = stage("early", 4)(x)
    x = layers.Add()([x, stage("late", 4)(x)])
    return ImageClassifier(keras.Model(images, x), layers.Dense(CLASSES))


def learning(model: Any) -> list[str]:
    return [weight.path.split("/")[-2] for weight in model.trainable_weights]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["late"], {"late_conv", "late_bn"}),
        (["late_conv", ".*_bn"], {"late_conv", "late_bn", "early_bn"}),
        ([".*"], {"stem_conv", "early_conv", "early_bn", "late_conv"}),
    ],
)
def test_only_the_named_layers_learn(
    patterns: list[str], expected: set[str]
) -> None:
    teacher = staged_teacher()
    adapt_only(teacher, patterns)
    assert expected <= set(learning(teacher.encoder))
    if patterns != [".*"]:
        assert set(learning(teacher.encoder)) == expected
    assert teacher.classifier.trainable


def test_no_pattern_freezes_the_whole_teacher() -> None:
    teacher = staged_teacher()
    adapt_only(teacher, [])
    assert not teacher.trainable_weights


@pytest.mark.parametrize("pattern", ["stage9", "late_", "late_dropout", "bn"])
def test_pattern_that_names_no_weights_is_refused(pattern: str) -> None:
    message = f"Received: '{pattern}'. Its last such layers: .*late_bn"
    with pytest.raises(InputError, match=message):
        adapt_only(staged_teacher(), ["late", pattern])


def test_broken_expression_is_refused() -> None:
    with pytest.raises(InputError, match=r"Received: '\(late' \("):
        adapt_only(staged_teacher(), ["(late"])


def outputs(function: Any, images: np.ndarray) -> np.ndarray:
    return np.array(ops.convert_to_numpy(ops.stop_gradient(function(images))))


def test_frozen_front_runs_as_predict_does() -> None:
    teacher = staged_teacher()
    adapt_only(teacher, ["late"])
    for layer in teacher.encoder.get_layer("late").layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0  # what differs now is the front's
    images, _ = batch()
    run = training_pass(teacher.encoder)
    teacher.encoder.get_layer("late").get_layer("late_bn").trainable = False
    expected = outputs(lambda x: teacher.encoder(x, training=False), images)
    np.testing.assert_allclose(
        outputs(run, images), expected, rtol=1e-5, atol=1e-6
    )


def test_what_learns_runs_in_training_mode() -> None:
    teacher = staged_teacher()
    adapt_only(teacher, ["late"])
    images, _ = batch()
    run = training_pass(teacher.encoder)
    statistic = teacher.encoder.get_layer("late").get_layer("late_bn")
    before = ops.convert_to_numpy(statistic.moving_mean)
    first, second = outputs(run, images), outputs(run, images)
    assert np.any(first != second)  # dropout
    assert np.any(before != ops.convert_to_numpy(statistic.moving_mean))


def test_no_gradient_passes_through_the_frozen_front() -> None:
    teacher = staged_teacher()
    adapt_only(teacher, ["late"])
    for part in (teacher.encoder, training_pass(teacher.encoder)):
        pixels = keras.Variable(batch()[0])
        state = teacher.encoder.non_trainable_variables

        def objective(part: Any = part, pixels: Any = pixels) -> tuple:
            loss = ops.sum(part(pixels.value))
            return loss, loss

        _, (gradient,) = value_and_grad(objective, [pixels], state)
        reached = gradient is not None and np.any(
            ops.convert_to_numpy(gradient) != 0
        )
        assert reached == (part is teacher.encoder)


def test_frozen_front_of_nested_sequentials_is_found() -> None:
    stages = keras.Sequential(
        [layers.Conv2D(4, 1), layers.Dropout(0.5), layers.Conv2D(4, 1)],
        name="stages",
    )
    encoder = keras.Sequential(
        [keras.Input(SHAPE), layers.Dropout(0.5), layers.Conv2D(4, 1), stages]
    )
    teacher = ImageClassifier(encoder, layers.Dense(CLASSES))
    adapt_only(teacher, [stages.layers[-1].name])
    images, _ = batch()
    np.testing.assert_allclose(
        outputs(training_pass(encoder), images),
        outputs(lambda x: encoder(x, training=False), images),
        rtol=1e-5,
        atol=1e-6,
    )


def test_pass_of_an_unfrozen_encoder_is_its_own_call() -> None:
    encoder = tiny_teacher().encoder
    assert training_pass(encoder).func is encoder
    encoder.trainable = False
    assert training_pass(encoder).keywords == {"training": False}


def test_flags_come_back_as_they_were() -> None:
    teacher = tiny_teacher()
    teacher.encoder.layers[1].trainable = False
    before = [layer.trainable for layer in teacher.encoder.layers]
    with flags_kept([teacher]):
        adapt_only(teacher, [])
        assert not teacher.trainable_variables
    assert [layer.trainable for layer in teacher.encoder.layers] == before
    assert teacher.trainable and teacher.classifier.trainable
