"""Any two Keras classifiers come apart into encoder, pooler and Dense."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.splitting import split_model
from tests.models.conftest import SHAPE, images, predict


def backbone() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3, strides=2),
            layers.BatchNormalization(),
            layers.ReLU(),
        ],
        name="backbone",
    )


def flat_sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3, strides=2),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(5),
        ]
    )


def nested_backbone() -> keras.Model:
    return keras.Sequential(
        [backbone(), layers.GlobalMaxPooling2D(), layers.Dense(5)]
    )


def nested_head() -> keras.Model:
    head = keras.Sequential(
        [layers.GlobalAveragePooling2D(), layers.Dense(5), layers.Softmax()]
    )
    return keras.Sequential([backbone(), head])


def functional_softmax() -> keras.Model:
    images = keras.Input(SHAPE)
    features = backbone()(images)
    x = layers.GlobalAveragePooling2D()(features)
    return keras.Model(images, layers.Dense(5, activation="softmax")(x))


def feature_map_inside_nested_model() -> keras.Model:
    images = keras.Input(SHAPE)
    inner = backbone()
    pooled = layers.GlobalAveragePooling2D()(inner.outputs[0])
    inner = keras.Model(inner.inputs, pooled)
    return keras.Model(images, layers.Dense(5)(inner(images)))


def dense_layers_before_head() -> keras.Model:
    return keras.Sequential(
        [
            backbone(),
            layers.Flatten(),
            layers.Dense(7, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(5),
        ]
    )


def convolution_as_head() -> keras.Model:
    return keras.Sequential(
        [
            backbone(),
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Conv2D(5, 1),
            layers.Reshape((5,)),
            layers.Activation("softmax"),
        ]
    )


def flatten_pooler() -> keras.Model:
    return keras.Sequential([backbone(), layers.Flatten(), layers.Dense(5)])


def pooling_of_the_maps_size() -> keras.Model:
    return keras.Sequential(
        [
            backbone(),
            layers.AveragePooling2D(3),
            layers.Flatten(),
            layers.Dense(5, activation="softmax", use_bias=False),
        ]
    )


def adaptive_pooling() -> keras.Model:
    return keras.Sequential(
        [
            backbone(),
            layers.AdaptiveAveragePooling2D(1),
            layers.Reshape((4,)),
            layers.Dense(5),
        ]
    )


def subclass_of_functional() -> keras.Model:
    """The form of KerasCV's and KerasHub's classifiers."""

    class Hub(keras.Model):
        def __init__(self, backbone: keras.Model) -> None:
            images = backbone.input
            x = layers.GlobalAveragePooling2D()(backbone(images))
            super().__init__(inputs=images, outputs=layers.Dense(5)(x))
            self.backbone = backbone

    inner = backbone()
    return Hub(keras.Model(inner.inputs[0], inner.outputs[0]))


MAP = (3, 3, 4)
CASES: list[tuple[Callable[[], keras.Model], tuple, bool]] = [
    (flat_sequential, MAP, False),
    (nested_backbone, MAP, False),
    (nested_head, MAP, True),
    (functional_softmax, MAP, True),
    (feature_map_inside_nested_model, MAP, False),
    (dense_layers_before_head, (7,), False),
    (convolution_as_head, MAP, True),
    (flatten_pooler, MAP, False),
    (pooling_of_the_maps_size, MAP, True),
    (adaptive_pooling, MAP, False),
    (subclass_of_functional, MAP, False),
]


@pytest.mark.parametrize(
    ("build", "features", "probabilities"),
    CASES,
    ids=[case[0].__name__ for case in CASES],
)
def test_split_model_computes_the_same_logits(
    build: Callable[[], keras.Model], features: tuple, probabilities: bool
) -> None:
    model = build()
    split = ImageClassifier.from_model(model)
    assert split.feature_shape == features
    assert split.classes == 5
    logits = keras.ops.convert_to_tensor(predict(split, images()))
    if probabilities:
        logits = keras.ops.softmax(logits)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(logits),
        predict(model, images()),
        rtol=1e-5,
        atol=1e-5,
    )


def test_parts_are_the_models_own_layers() -> None:
    model = nested_backbone()
    split = ImageClassifier.from_model(model)
    assert split.classifier is model.layers[-1]
    weights = {id(w) for w in model.weights}
    assert {id(w) for w in split.weights} == weights


def test_softmax_head_is_copied_and_the_model_left_as_it_was() -> None:
    model = functional_softmax()
    before = predict(model, images())
    split = ImageClassifier.from_model(model)
    split.classifier.kernel.assign(split.classifier.kernel * 0)
    np.testing.assert_array_equal(predict(model, images()), before)


def test_adaptive_max_pooling_is_no_part_of_the_encoder() -> None:
    # Not called: Keras 3.15 on TensorFlow kills the process if it is.
    head = [layers.AdaptiveMaxPooling2D(1), layers.Flatten(), layers.Dense(5)]
    parts = split_model(keras.Sequential([backbone(), *head]))
    assert parts.encoder.output_shape == (None, *MAP)
    assert parts.pooling == head[:2]


def test_copied_head_keeps_its_settings() -> None:
    head = layers.Dense(5, activation="softmax", kernel_regularizer="l2")
    model = keras.Sequential(
        [backbone(), layers.GlobalAveragePooling2D(), head]
    )
    model.trainable = False
    split = ImageClassifier.from_model(model)
    assert split.classifier.kernel_regularizer is head.kernel_regularizer
    assert not split.trainable_variables


def test_grouped_convolution_is_the_dense_that_it_equals() -> None:
    model = keras.Sequential(
        [
            backbone(),
            layers.GlobalMaxPooling2D(keepdims=True),
            layers.Conv2D(4, 1, groups=2),
            layers.Flatten(),
        ]
    )
    split = ImageClassifier.from_model(model)
    assert split.feature_shape == MAP
    np.testing.assert_allclose(
        predict(split, images()), predict(model, images()), atol=1e-5
    )


def test_image_classifier_passes_through() -> None:
    split = ImageClassifier.from_model(flat_sequential())
    assert ImageClassifier.from_model(split) is split


def test_image_classifier_is_split_already() -> None:
    split = ImageClassifier.from_model(flat_sequential())
    parts = split_model(split)
    assert parts.encoder is split.encoder
    assert parts.classifier is split.classifier


def test_model_without_top_is_its_own_encoder() -> None:
    base = backbone()
    assert split_model(base).encoder is base


def test_student_classifier_loses_its_head_and_pooling() -> None:
    assert split_model(flat_sequential()).encoder.output_shape == (None, *MAP)


def test_dense_with_relu_is_no_head() -> None:
    model = keras.Sequential(
        [backbone(), layers.Flatten(), layers.Dense(6, activation="relu")]
    )
    assert split_model(model).encoder is model


def test_model_without_top_gets_a_new_dense_when_asked() -> None:
    split = ImageClassifier.from_model(backbone(), classes=3)
    assert predict(split, images()).shape == (2, 3)


@pytest.mark.parametrize("split", [True, False])
def test_other_classes_than_the_models_are_refused(split: bool) -> None:
    model = flat_sequential()
    if split:
        model = ImageClassifier.from_model(model)
    with pytest.raises(InputError, match="classes=3, model with 5"):
        ImageClassifier.from_model(model, classes=3)


def test_teacher_without_dense_is_refused_with_layers_and_way_out() -> None:
    with pytest.raises(InputError) as error:
        ImageClassifier.from_model(backbone())
    message = str(error.value)
    assert "(BatchNormalization) -> (None, 3, 3, 4)" in message
    assert "ImageClassifier(\n    encoder=keras.Model" in message


def test_subclassed_model_is_refused_with_the_explicit_form() -> None:
    class Custom(keras.Model):
        def call(self, x: object) -> object:
            return x

    with pytest.raises(InputError, match="no graph of layers"):
        ImageClassifier.from_model(Custom())


def test_unbuilt_sequential_is_told_to_begin_with_an_input() -> None:
    model = keras.Sequential([layers.Flatten(), layers.Dense(3)])
    with pytest.raises(InputError, match="begins with keras.Input"):
        ImageClassifier.from_model(model)


def test_several_inputs_are_refused() -> None:
    first, second = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([first, second], layers.Add()([first, second]))
    with pytest.raises(InputError, match="2 inputs and 1 outputs"):
        ImageClassifier.from_model(model)
