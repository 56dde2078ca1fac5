"""The pieces of the residual networks compute what PyTorch's compute."""

import keras
import numpy as np
import pytest
from keras import ops

from atsc_keras.backend import value_and_grad
from atsc_keras.models.building_blocks import batch_norm, conv
from atsc_keras.models.networks import build_encoder
from atsc_keras.models.resnet import resnet_features
from tests.reference import golden, load, under, variables

TRACE = under(golden("units"), "batchnorm")
# float32 against the reference's float64.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def built_batch_norm() -> keras.layers.Layer:
    layer = batch_norm("bn")
    layer.build(TRACE["x"].shape)
    initial = under(TRACE, "init")
    load(variables(layer), {f"bn/{name}": x for name, x in initial.items()})
    return layer


def test_batch_normalisation_trains_as_the_reference_does() -> None:
    layer = built_batch_norm()
    x = keras.Variable(TRACE["x"].astype("float32"))
    weight = ops.cast(TRACE["ct"], "float32")

    def objective() -> tuple:
        y = layer(x.value, training=True)
        return ops.sum(y * weight), y

    (_, y), gradients = value_and_grad(
        objective,
        [x, layer.gamma, layer.beta],
        [layer.moving_mean, layer.moving_variance],
    )
    y = ops.convert_to_numpy(y)
    np.testing.assert_allclose(y, TRACE["y_train"], **TOLERANCE)
    for name, gradient in zip(
        ("dx", "dgamma", "dbeta"), gradients, strict=True
    ):
        gradient = ops.convert_to_numpy(gradient)
        np.testing.assert_allclose(gradient, TRACE[name], **TOLERANCE)
    mean = ops.convert_to_numpy(layer.moving_mean)
    np.testing.assert_allclose(mean, TRACE["running_mean_after"], **TOLERANCE)
    # Keras keeps the biased variance of the batch, PyTorch the unbiased one.
    count = TRACE["x"].size // TRACE["x"].shape[-1]
    before = TRACE["init/moving_variance"]
    variance = ops.convert_to_numpy(layer.moving_variance) - 0.9 * before
    variance = 0.9 * before + variance * count / (count - 1)
    expected = TRACE["running_var_after"]
    np.testing.assert_allclose(variance, expected, **TOLERANCE)


def test_batch_normalisation_infers_as_the_reference_does() -> None:
    layer = built_batch_norm()
    layer.moving_mean.assign(TRACE["running_mean_after"])
    layer.moving_variance.assign(TRACE["running_var_after"])
    y = layer(ops.cast(TRACE["x"], "float32"), training=False)
    y = ops.convert_to_numpy(y)
    np.testing.assert_allclose(y, TRACE["y_eval_after"], **TOLERANCE)


@pytest.mark.parametrize("channels", [4, 16])
def test_strided_window_of_one_takes_every_second_pixel(channels: int) -> None:
    pixels = np.random.default_rng(0).normal(size=(3, 5, 6, channels))
    images = keras.Input(pixels.shape[1:])
    model = keras.Model(images, conv(images, 7, 1, "c", strides=2))
    kernel = ops.convert_to_numpy(model.get_layer("c").kernel)[0, 0]
    actual = model.predict(pixels, verbose=0)
    np.testing.assert_allclose(
        actual, pixels[:, ::2, ::2] @ kernel, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", ["resnet8x0.125", "resnet14x0.5"])
def test_no_narrow_convolution_is_strided(name: str) -> None:
    # Its weight gradient writes outside its memory in TensorFlow 2.21.
    narrow = [
        layer
        for layer in build_encoder(name, (16, 16, 3)).layers
        if isinstance(layer, keras.layers.Conv2D)
        and layer.kernel_size == (1, 1)
        and layer.kernel.shape[2] < 16
    ]
    assert narrow
    assert {layer.strides for layer in narrow} == {(1, 1)}


def test_strided_window_of_three_is_padded_alike_on_all_sides() -> None:
    images = keras.Input((6, 6, 1))
    model = keras.Model(images, conv(images, 1, 3, "c", strides=2))
    model.set_weights([np.ones((3, 3, 1, 1))])
    y = model.predict(np.ones((1, 6, 6, 1)), verbose=0)
    # The first window hangs over two edges, the last over none.
    assert y[0, 0, 0, 0] == 4
    assert y[0, 2, 2, 0] == 9


@pytest.mark.parametrize("depth", [2, 9])
def test_depth_that_makes_no_whole_blocks_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=f"6n . 2. Received: depth={depth}"):
        resnet_features(keras.Input((8, 8, 3)), depth, (4, 4, 4, 4))
