"""What a model's graph tells, and that Keras still tells it."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.models.graphs import (
    Place,
    function_of,
    is_never_negative,
    sources,
)
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.networks import build_encoder
from tests.tiny import CLASSES, SHAPE, tiny_encoder

KERNEL = np.ones((1, 4, 4), "float32")
_PRODUCTS = ("matmul", "dot", "inner", "vdot")


def ending_in(end: Callable[[Any], Any]) -> keras.Model:
    images = keras.Input(SHAPE)
    return keras.Model(images, end(layers.Conv2D(4, 3)(images)))


def nested(end: Callable[[Any], Any]) -> Callable[[Any], Any]:
    features = keras.Input((None, None, 4))
    return keras.Model(features, end(features))


@pytest.mark.parametrize(
    "end",
    [
        lambda x: layers.ReLU(6.0)(x),
        lambda x: layers.Activation("relu")(x),
        lambda x: layers.Conv2D(4, 1, activation="relu")(x),
        lambda x: ops.relu(x),
        lambda x: layers.GlobalAveragePooling2D()(layers.ReLU()(x)),
        lambda x: layers.Add()([layers.ReLU()(x), ops.relu6(x)]),
        lambda x: layers.ReLU()(x)[..., :2],
        lambda x: nested(layers.ReLU())(x),
        lambda x: nested(layers.Dropout(0.5))(layers.ReLU()(x)),
    ],
)
def test_rectified_ends_are_seen(end: Callable[[Any], Any]) -> None:
    assert is_never_negative(ending_in(end))


@pytest.mark.parametrize(
    "end",
    [
        lambda x: x,
        lambda x: layers.BatchNormalization()(layers.ReLU()(x)),
        lambda x: layers.LeakyReLU()(x),
        lambda x: layers.ReLU(negative_slope=0.1)(x),
        lambda x: layers.Activation("silu")(x),
        lambda x: layers.Add()([layers.ReLU()(x), x]),
        lambda x: nested(layers.Dropout(0.5))(x),
    ],
)
def test_other_ends_can_be_negative(end: Callable[[Any], Any]) -> None:
    assert not is_never_negative(ending_in(end))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet8", True),
        ("vgg8", True),
        ("ShuffleV1", True),
        ("ShuffleV2", True),
        ("MobileNetV2", False),
    ],
)
def test_networks_of_the_literature(name: str, expected: bool) -> None:
    assert is_never_negative(build_encoder(name, (32, 32, 3))) == expected


@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_projector_reaches_what_its_teacher_gives(activation: str) -> None:
    images = keras.Input(SHAPE)
    features = layers.Conv2D(4, 3, activation=activation)(images)
    teacher = ImageClassifier(
        keras.Model(images, features), layers.Dense(CLASSES)
    )
    student = DistilledStudent(tiny_encoder(4), [teacher])
    pixels = keras.random.uniform((4, *SHAPE), 0, 255)
    projected = student.features(pixels, training=True)[0]
    least = ops.convert_to_numpy(ops.stop_gradient(ops.min(projected)))
    assert (least < 0) == (activation == "linear")


# === What Keras does not publish: if one fails, a new Keras has gone on ===


def test_keras_still_has_history_and_inbound_nodes() -> None:
    x = keras.Input((4,))
    dense = layers.Dense(4)
    first = dense(x)
    model = keras.Model(x, dense(first))
    layer, given = sources(Place(model.outputs[0], (model,)))
    assert layer is dense and given[0].tensor is first
    layer, given = sources(given[0])
    assert layer is dense and given[0].tensor is x


def test_other_keras_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(4)(x))
    del model.outputs[0]._keras_history
    with pytest.raises(RuntimeError, match=f"Keras {keras.__version__}"):
        sources(Place(model.outputs[0], (model,)))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        *((n, getattr(ops, n)) for n in ("relu", "relu6", "sigmoid")),
        *((n, getattr(ops, n)) for n in ("softmax", "transpose")),
        ("get_item", lambda x: x[..., :2]),
        ("reshape", lambda x: ops.reshape(x, (-1, 8))),
        ("concatenate", lambda x: ops.concatenate([x, x])),
        *((n, lambda x, n=n: getattr(ops, n)(x, x)) for n in _PRODUCTS),
        ("tensordot", lambda x: ops.tensordot(x, x, 0)),
        ("einsum", lambda x: ops.einsum("bij,bkj->bik", x, x)),
        ("conv", lambda x: ops.conv(x, KERNEL)),
        ("conv_transpose", lambda x: ops.conv_transpose(x, KERNEL)),
        ("depthwise_conv", lambda x: ops.depthwise_conv(x, KERNEL)),
        ("separable_conv", lambda x: ops.separable_conv(x, KERNEL, KERNEL)),
        (
            "dot_product_attention",
            lambda x: ops.dot_product_attention(x, x, x),
        ),
    ],
)
def test_keras_still_names_operations_as_its_functions(
    name: str, call: Callable[[Any], Any]
) -> None:
    x = keras.Input(batch_shape=(4, 4, 4))
    if name == "dot_product_attention":
        x = keras.Input((4, 2, 4))
    elif name == "vdot":
        x = keras.Input(batch_shape=(4,))
    operation = keras.Model(x, call(x)).operations[-1]
    assert function_of(operation) == name
