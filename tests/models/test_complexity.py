"""Parameters and multiply-adds by hand, and by the published table."""

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.errors import InputError
from atsc_keras.models.complexity import count_multiply_adds, count_parameters
from atsc_keras.models.image_classifier import ImageClassifier

CASES = {
    # 4x4 positions, 3x3 window, 2 -> 6 channels.
    "convolution": (layers.Conv2D(6, 3), (6, 6, 2), 16 * 9 * 2 * 6),
    "strided": (layers.Conv2D(6, 3, strides=2), (6, 6, 2), 4 * 9 * 2 * 6),
    "grouped": (layers.Conv2D(6, 3, groups=2), (6, 6, 2), 16 * 9 * 1 * 6),
    "depthwise": (layers.DepthwiseConv2D(3), (6, 6, 2), 16 * 9 * 2),
    "separable": (
        layers.SeparableConv2D(6, 3),
        (6, 6, 2),
        16 * (9 * 2 + 2 * 6),
    ),
    "transposed": (layers.Conv2DTranspose(6, 3), (6, 6, 2), 36 * 9 * 2 * 6),
    "dense": (layers.Dense(5), (7,), 35),
    "dense_on_tokens": (layers.Dense(5), (4, 7), 4 * 35),
    "einsum": (
        layers.EinsumDense("...c,cd->...d", output_shape=(5,)),
        (4, 7),
        4 * 35,
    ),
    "pooling": (layers.AveragePooling2D(2), (6, 6, 2), 0),
}


@pytest.mark.parametrize("case", CASES)
def test_multiply_adds_equal_hand_computation(case: str) -> None:
    layer, shape, expected = CASES[case]
    x = keras.Input(shape)
    assert count_multiply_adds(keras.Model(x, layer(x))) == expected


def test_attention_counts_projections_scores_and_sums() -> None:
    tokens, context = keras.Input((5, 8)), 3
    attention = layers.MultiHeadAttention(2, 4, value_dim=6)
    values = layers.Cropping1D((0, 5 - context))(tokens)
    model = keras.Model(tokens, attention(tokens, value=values))
    query, key, value, output = 8 * 2 * 4, 8 * 2 * 4, 8 * 2 * 6, 2 * 6 * 8
    projections = 5 * (query + output) + context * (key + value)
    assert count_multiply_adds(model) == (
        projections + 5 * context * 2 * 4 + 5 * context * 2 * 6
    )


def test_layer_counts_each_time_it_is_called() -> None:
    x = keras.Input((6, 6, 2))
    convolution = layers.Conv2D(2, 3, padding="same")
    model = keras.Model(x, convolution(convolution(x)))
    assert count_multiply_adds(model) == 2 * 36 * 9 * 2 * 2


def any_size() -> keras.Model:
    x = keras.Input((None, None, 2))
    return keras.Model(x, layers.Conv2D(6, 3)(x))


def test_size_comes_from_where_a_nested_model_is_used() -> None:
    inner = any_size()
    inner(keras.Input((9, 9, 2)))
    model = keras.Sequential([keras.Input((6, 6, 2)), inner])
    assert count_multiply_adds(model) == 16 * 9 * 2 * 6


def test_size_can_be_given() -> None:
    assert count_multiply_adds(any_size(), (6, 6, 2)) == 16 * 9 * 2 * 6


def test_unknown_size_is_refused() -> None:
    with pytest.raises(InputError, match="Give `image_shape`"):
        count_multiply_adds(any_size())


def test_two_inputs_are_refused() -> None:
    x, y = keras.Input((4,)), keras.Input((4,))
    with pytest.raises(InputError, match="2 inputs"):
        count_multiply_adds(keras.Model([x, y], layers.Add()([x, y])))


def test_model_without_graph_is_refused() -> None:
    with pytest.raises(InputError, match="keras.Model\\(images, outputs\\)"):
        count_multiply_adds(keras.Sequential([layers.Dense(3)]))


def test_counting_leaves_the_model_as_it_was() -> None:
    model = any_size()
    before = model.to_json()
    count_multiply_adds(model, (6, 6, 2))
    assert model.to_json() == before
    assert model.layers[-1].output is model.output


def test_image_classifier_costs_what_its_parts_do() -> None:
    x = keras.Input((6, 6, 2))
    encoder = keras.Model(x, layers.Conv2D(6, 3, use_bias=False)(x))
    model = ImageClassifier(encoder, layers.Dense(5))
    assert count_multiply_adds(model) == 16 * 9 * 2 * 6 + 6 * 5
    assert count_parameters(model) == 9 * 2 * 6 + 6 * 5 + 5


def test_models_nested_one_after_the_other_count() -> None:
    x = keras.Input((4, 4, 6))
    second = keras.Model(x, layers.Flatten()(layers.Conv2D(1, 3)(x)))
    model = keras.Sequential([keras.Input((6, 6, 2)), any_size(), second])
    assert count_multiply_adds(model) == 16 * 9 * 2 * 6 + 4 * 9 * 6


def test_image_classifier_inside_a_model_counts() -> None:
    inner = ImageClassifier(any_size(), layers.Dense(5))
    model = keras.Sequential([keras.Input((6, 6, 2)), inner])
    assert count_multiply_adds(model) == 16 * 9 * 2 * 6 + 6 * 5


def test_nested_models_count_once() -> None:
    x = keras.Input((6, 6, 2))
    inner = keras.Model(x, layers.Conv2D(6, 3, use_bias=False)(x))
    model = keras.Sequential([keras.Input((6, 6, 2)), inner])
    assert count_multiply_adds(model) == 16 * 9 * 2 * 6
    assert count_parameters(model) == 9 * 2 * 6


def test_statistics_are_no_parameters_and_frozen_layers_are() -> None:
    norm = layers.BatchNormalization()
    x = keras.Input((4,))
    model = keras.Model(x, norm(x))
    norm.trainable = False
    assert count_parameters(model) == 8


def test_statistics_of_normalised_pixels_are_no_parameters() -> None:
    norm = layers.Normalization()
    norm.adapt(np.arange(8.0).reshape(4, 2))
    model = keras.Sequential([keras.Input((2,)), norm, layers.Dense(3)])
    assert count_parameters(model) == 2 * 3 + 3


def test_frozen_layers_are_left_out_where_asked() -> None:
    images = keras.Input((6, 6, 2))
    x = layers.Conv2D(6, 3, trainable=False)(images)
    inner = keras.Sequential([keras.Input((4, 4, 6)), layers.Conv2D(5, 1)])
    model = keras.Model(images, inner(x))
    learning = 16 * 6 * 5
    assert count_multiply_adds(model, learning_only=True) == learning
    assert count_multiply_adds(model) == 16 * 9 * 2 * 6 + learning
    inner.trainable = False
    assert count_multiply_adds(model, learning_only=True) == 0
