"""The end of a classifier is what its numbers say, whatever it is made of."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.errors import InputError
from atsc_keras.models.endings import are_probabilities, read_ending
from atsc_keras.models.image_classifier import ImageClassifier
from tests.models.conftest import images, predict
from tests.models.ends import (
    CLASSES,
    ENDS,
    FEATURES,
    End,
    average_of_probabilities,
    body,
    mini_xception,
    of_end,
    pooled,
    squeezenet,
)


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def as_given(end: End, logits: np.ndarray) -> np.ndarray:
    if end.gives == "softmax":
        return softmax(logits)
    return 1 / (1 + np.exp(-logits)) if end.gives == "sigmoid" else logits


@pytest.mark.parametrize("end", ENDS, ids=[end.name for end in ENDS])
def test_logits_give_what_the_model_gives(end: End) -> None:
    model = of_end(end)
    expected = predict(model, images()).reshape(2, -1)
    if expected.shape[-1] == 1:
        expected = np.concatenate([1 - expected, expected], -1)
    ending = read_ending(model)
    assert ending.activation == end.gives
    assert ending.found == end.found
    np.testing.assert_allclose(
        predict(ending.given, images()), expected, rtol=1e-5, atol=1e-6
    )
    logits = predict(ending.logits, images())
    np.testing.assert_allclose(
        as_given(end, logits), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("end", ENDS, ids=[end.name for end in ENDS])
def test_split_teacher_gives_what_the_model_gives(end: End) -> None:
    model = of_end(end)
    before = [np.array(w) for w in model.get_weights()]
    expected = predict(model, images()).reshape(2, -1)
    if expected.shape[-1] == 1:
        expected = np.concatenate([1 - expected, expected], -1)
    split = ImageClassifier.from_model(model)
    assert split.feature_shape[-1] == (
        FEATURES if end.dense else expected.shape[-1]
    )
    logits = predict(split, images())
    if end.gives == "linear":
        # Of log-softmax and the like a constant for each image is lost.
        logits, expected = softmax(logits), softmax(expected)
    np.testing.assert_allclose(
        as_given(end, logits) if end.gives != "linear" else logits,
        expected,
        rtol=1e-4,
        atol=1e-5,
    )
    for mine, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("end", ENDS, ids=[end.name for end in ENDS])
def test_student_never_gives_its_own_class_scores_for_features(
    end: End,
) -> None:
    student = of_end(end)
    classes = max(2, student.output_shape[-1])
    atsc = ATSC(ImageClassifier(body(), layers.Dense(classes)), student)
    assert atsc.student.encoder.output_shape[-1] == FEATURES
    assert atsc(images()).shape == (2, classes)


def test_teacher_that_is_all_class_scores_is_no_student() -> None:
    split = ImageClassifier.from_model(of_end(End(mini_xception)))
    teacher = ImageClassifier(body(), layers.Dense(CLASSES))
    with pytest.raises(InputError, match="gives class scores for features"):
        ATSC(teacher, split)


def test_pretrained_student_of_class_scores_gets_a_head_on_its_features() -> (
    None
):
    model = of_end(End(squeezenet))
    split = ImageClassifier.for_classes(model, CLASSES)
    assert split.feature_shape[-1] == FEATURES


@pytest.mark.parametrize("activation", [None, "relu"])
def test_one_number_that_no_sigmoid_made_is_refused(
    activation: str | None,
) -> None:
    def number(x: object) -> object:
        return layers.Dense(1, activation=activation)(pooled(x))

    with pytest.raises(InputError, match="one number an image"):
        ImageClassifier.from_model(of_end(End(number)))


def test_pooled_residual_features_are_no_class_scores() -> None:
    def residual(x: object) -> object:
        y = layers.Conv2D(FEATURES, 1)(layers.ReLU()(x))
        return pooled(layers.Add()([layers.Conv2D(FEATURES, 1)(x), y]))

    model = of_end(End(residual))
    with pytest.raises(InputError, match="end it in a softmax, which keeps"):
        ImageClassifier.from_model(model)
    assert ImageClassifier.from_model(model, classes=9).classes == 9
    # As the message says.
    ended = keras.Model(model.input, layers.Softmax()(model.output))
    logits = predict(ImageClassifier.from_model(ended), images())
    np.testing.assert_allclose(
        softmax(logits), predict(ended, images()), rtol=1e-4, atol=1e-6
    )


def test_probabilities_that_no_softmax_gave_keep_their_order() -> None:
    ending = read_ending(of_end(End(average_of_probabilities)))
    logits = predict(ending.logits, images() * 0)
    assert np.isfinite(logits).all()


# === Objects that are used twice ===


def one_activation_twice(x: Any) -> Any:
    activation = layers.Activation("softmax")
    v = pooled(x)
    v = layers.Multiply()([v, activation(layers.Dense(FEATURES)(v))])
    return activation(layers.Dense(CLASSES)(v))


def one_dense_twice(x: Any) -> Any:
    dense = layers.Dense(FEATURES)
    return dense(layers.ReLU()(dense(pooled(x))))


def one_dense_with_its_softmax_twice(x: Any) -> Any:
    dense = layers.Dense(FEATURES, activation="softmax")
    return dense(dense(pooled(x)))


def one_head_on_two_poolings(x: Any) -> Any:
    head = layers.Dense(CLASSES)
    return head(pooled(x)) + head(layers.GlobalMaxPooling2D()(x))


def one_model_on_two_scales(x: Any) -> Any:
    maps = keras.Input(x.shape[1:])
    inner = keras.Model(maps, layers.Conv2D(FEATURES, 1)(maps))
    v = layers.Average()([pooled(inner(x)), pooled(inner(x * 0.5))])
    return layers.Dense(CLASSES, activation="softmax")(v)


@pytest.mark.parametrize(
    "head",
    [
        *(one_activation_twice, one_dense_twice),
        *(one_dense_with_its_softmax_twice, one_head_on_two_poolings),
        one_model_on_two_scales,
    ],
    ids=lambda head: head.__name__,
)
def test_shared_objects_are_split_saved_and_loaded(
    head: Any, tmp_path: Path
) -> None:
    model = of_end(End(head))
    given = predict(model, images())
    if not are_probabilities(given):
        given = softmax(given)
    for whole in (model, keras.models.clone_model(model)):
        whole.set_weights(model.get_weights())
        whole.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        split = ImageClassifier.from_model(loaded)
        split.save(tmp_path / "split.keras")
        split.to_functional().save(tmp_path / "plain.keras")
        for name in ("split", "plain"):
            again = keras.models.load_model(tmp_path / f"{name}.keras")
            np.testing.assert_allclose(
                softmax(predict(again, images())), given, rtol=1e-4, atol=1e-5
            )
