"""Parameters and multiply-adds by hand, and by the published table."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

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
def test_layers_of_keras_still_compute_by_keras_ops(case: str) -> None:
    layer, shape, expected = CASES[case]
    x = keras.Input(shape)
    assert count_multiply_adds(keras.Model(x, layer(x))) == expected


def test_attention_counts_projections_scores_and_sums() -> None:
    tokens, context = keras.Input((5, 8)), 3
    width = 4 if keras.backend.backend() == "jax" else 6  # jax has no other
    attention = layers.MultiHeadAttention(2, 4, value_dim=width)
    values = layers.Cropping1D((0, 5 - context))(tokens)
    model = keras.Model(tokens, attention(tokens, value=values))
    query, key, value, output = (
        8 * 2 * 4,
        8 * 2 * 4,
        8 * 2 * width,
        2 * width * 8,
    )
    projections = 5 * (query + output) + context * (key + value)
    assert count_multiply_adds(model) == (
        projections + 5 * context * 2 * 4 + 5 * context * 2 * width
    )


def test_attention_of_grouped_queries_counts() -> None:
    tokens = keras.Input((5, 8))
    attention = layers.GroupQueryAttention(4, 4, 2)
    projections = 8 * 4 * 4 + 2 * (8 * 2 * 4) + 4 * 4 * 8
    model = keras.Model(tokens, attention(tokens, tokens))
    assert count_multiply_adds(model) == 5 * projections + 2 * 25 * 4 * 4


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


class Block(layers.Layer):
    """Attention, two layers and a product of its own, in one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = layers.MultiHeadAttention(2, 4)
        self.parts = {"hidden": layers.Dense(5), "shared": layers.Dense(5)}

    def build(self, shape: tuple[int, ...]) -> None:
        self.attention.build(shape, shape)
        self.parts["hidden"].build(shape)
        self.parts["shared"].build((*shape[:-1], 5))
        self.scale = self.add_weight(shape=(5, 7), name="scale")

    def call(self, tokens: Any) -> Any:
        hidden = self.parts["hidden"](self.attention(tokens, tokens))
        shared = self.parts["shared"](self.parts["shared"](hidden))
        return ops.matmul(shared, self.scale)


# 6 tokens of 8 numbers: four projections to two heads of 4, scores, sums.
ATTENDED = 4 * 6 * 8 * 8 + 2 * 6 * 6 * 8
BLOCK = ATTENDED + 6 * 8 * 5 + 2 * 6 * 5 * 5 + 6 * 5 * 7


def test_layers_inside_a_layer_count_unless_frozen() -> None:
    tokens, block = keras.Input((6, 8)), Block()
    model = keras.Model(tokens, block(tokens))
    assert count_multiply_adds(model) == BLOCK
    assert count_multiply_adds(model) == BLOCK  # nothing of the first is left
    block.attention.trainable = False
    learning = count_multiply_adds(model, learning_only=True)
    assert learning == BLOCK - ATTENDED
    block.trainable = False
    assert count_multiply_adds(model, learning_only=True) == 0


@pytest.mark.parametrize(
    ("layer", "step"),
    [
        (layers.LSTM(6), 4 * 6 * (8 + 6)),
        (layers.SimpleRNN(6, unroll=True), 6 * (8 + 6)),
        (layers.GRU(6, return_sequences=True), 3 * 6 * (8 + 6)),
        (layers.Bidirectional(layers.GRU(6)), 2 * 3 * 6 * (8 + 6)),
        (
            layers.RNN([layers.LSTMCell(6), layers.GRUCell(5)]),
            4 * 6 * (8 + 6) + 3 * 5 * (6 + 5),
        ),
        (layers.TimeDistributed(layers.Dense(5)), 8 * 5),
    ],
)
def test_recurrent_layers_count_each_step(layer: Any, step: int) -> None:
    sequence = keras.Input((12, 8))
    model = keras.Model(sequence, layer(sequence))
    assert count_multiply_adds(model) == 12 * step
    assert count_multiply_adds(model, learning_only=True) == 12 * step


KERNEL = np.ones((3, 6, 5), "float32")
attend = ops.dot_product_attention


def by_name(x: Any) -> Any:
    return ops.conv(strides=1, kernel=ops.array(KERNEL), inputs=x)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda x: x @ ops.transpose(x, (0, 2, 1)), 4 * 4 * 6),
        (lambda x: ops.einsum("bij,bkj->bik", x, x), 4 * 4 * 6),
        (lambda x: ops.einsum("...ij,...kj->...ik", x, x), 4 * 4 * 6),
        (lambda x: ops.einsum("bij->bji", x), 0),
        (lambda x: ops.dot(x, np.ones((6, 3), "float32")), 4 * 6 * 3),
        (lambda x: ops.tensordot(x, np.ones((4, 6, 3)), 2), 4 * 6 * 3),
        (lambda x: attend(*3 * [x[..., None]]), 2 * 4 * 4 * 6),
        (lambda x: ops.conv(x, KERNEL), 2 * 3 * 6 * 5),
        (lambda x: layers.Lambda(by_name)(x), 2 * 3 * 6 * 5),
        (lambda x: x * x + ops.softmax(x), 0),
        (lambda x: layers.Dot(2)([x, x]), 4 * 4 * 6),
        (lambda x: layers.Attention()([x, x]), 2 * 4 * 4 * 6),
    ],
)
def test_operations_in_a_graph_count(
    operation: Callable[[Any], Any], expected: int
) -> None:
    x = keras.Input((4, 6))
    model = keras.Model(x, operation(x))
    assert count_multiply_adds(model) == expected
    assert count_multiply_adds(model, learning_only=True) == 0


def test_model_without_graph_counts_where_the_size_is_given() -> None:
    class Subclass(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(5)

        def call(self, x: Any) -> Any:
            return self.dense(self.dense(x))

    model = Subclass()
    model(np.ones((2, 5), "float32"))
    assert count_multiply_adds(model, (5,)) == 2 * 5 * 5
    with pytest.raises(InputError, match="Give `image_shape`"):
        count_multiply_adds(model)


def test_counting_leaves_keras_as_it_was() -> None:
    before = keras.Operation.__call__, ops.matmul, ops.conv
    model = any_size()
    with pytest.raises(Exception, match="6, 6, 1"):
        count_multiply_adds(model, (6, 6, 1))
    assert before == (keras.Operation.__call__, ops.matmul, ops.conv)
    assert count_multiply_adds(model, (6, 6, 2)) == 16 * 9 * 2 * 6


def test_transformers_of_keras_hub_count() -> None:
    hub = pytest.importorskip("keras_hub")
    width, tokens, hidden = 16, 8 * 8 + 1, 32
    backbone = hub.models.ViTBackbone(
        image_shape=(32, 32, 3),
        patch_size=(4, 4),
        num_layers=2,
        num_heads=2,
        hidden_dim=width,
        mlp_dim=hidden,
    )
    attention = 4 * tokens * width**2 + 2 * tokens**2 * width
    layer = attention + 2 * tokens * width * hidden
    patches = 8 * 8 * 4 * 4 * 3 * width
    assert count_multiply_adds(backbone) == patches + 2 * layer


def test_what_other_threads_compute_is_not_counted() -> None:
    other = keras.Sequential([keras.Input((4,)), layers.Dense(9)])

    class Waiting(layers.Layer):
        def call(self, x: Any) -> Any:
            with ThreadPoolExecutor() as threads:
                threads.submit(other, np.ones((1, 4), "float32")).result()
            return x

    x = keras.Input((4,))
    assert count_multiply_adds(keras.Model(x, Waiting()(x))) == 0
