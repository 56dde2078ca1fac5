"""The end of a projector and a classifier, where nothing lies between."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from atsc_keras.models.graphs import (
    Place,
    leaf_layers,
    model_until,
    step_back,
)

# Layers of a pooler that leave a mean over the map as it is.
_PASSING = (
    keras.layers.InputLayer,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.Flatten,
    keras.layers.Reshape,
)


def fold_linear_end(
    projector: keras.Model, head: keras.Model
) -> keras.Model | None:
    """Make one Dense of a projector's linear end and the shared classifier.

    A projector without a last ReLU ends in a 1x1 convolution (or a Dense)
    and batch normalisation. With the mean over the map and the classifier's
    Dense, these are linear, so they are one Dense on the bottleneck's mean:
    with the bottleneck's channels `b`, `C` of the teacher and `K` classes,
    `b * K` weights in place of `b * C + 4 * C + C * K`.

    Args:
        projector: of `build_projector`.
        head: the teacher's pooler and Dense, as a model.

    Returns:
        The student's features -> logits `(B, K)`, equal to
        `head(projector(x))` at inference but for rounding; weights are its
        own. None where a ReLU or another pooler forbids it.
    """
    linear, norm = projector.layers[-2:]
    *poolers, classifier = head.layers
    if not isinstance(norm, keras.layers.BatchNormalization):
        return None
    of_maps = len(projector.output_shape) == 4
    means = [
        leaf
        for pooler in poolers
        for leaf in leaf_layers(pooler)
        if not isinstance(leaf, _PASSING)
    ]
    expected = [keras.layers.GlobalAveragePooling2D] if of_maps else []
    if [type(layer) for layer in means] != expected:
        return None
    kernel, bias = _product(linear, norm, classifier)
    features = keras.Input(projector.input_shape[1:], name="features")
    x = keras.Model(projector.inputs[0], linear.input)(features)
    if of_maps:
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    folded = keras.layers.Dense(
        len(bias), dtype=classifier.dtype_policy, name=classifier.name
    )
    model = keras.Model(features, folded(x), name=head.name)
    folded.set_weights([kernel, bias])
    return model


def _product(
    linear: Any, norm: Any, classifier: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Multiply the three layers into one kernel and bias, in float64."""
    gamma, beta, mean, variance, first, second, bias = (
        keras.ops.convert_to_numpy(weight).astype("float64")
        for weight in (
            *(norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance),
            *(linear.kernel, classifier.kernel, classifier.bias),
        )
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    kernel = first.reshape(-1, len(scale)) * scale
    return kernel @ second, (beta - mean * scale) @ second + bias


def with_one_head(
    encoder: keras.Model,
    projectors: Sequence[keras.Model],
    heads: Sequence[keras.Model],
) -> keras.Model:
    """Classify by one Dense whose logits are the mean of several heads'.

    Args:
        encoder: image -> features.
        projectors: features -> those of a teacher.
        heads: of each teacher: its features -> pooler -> linear Dense.

    Returns:
        A model image -> logits; the Dense is new, all else is shared.
    """
    images = keras.Input(encoder.input_shape[1:], name="image")
    encoded = encoder(images)
    vectors, kernels, biases = [], [], []
    for projector, head in zip(projectors, heads, strict=True):
        step = step_back(Place(head.outputs[0], (head,)))
        if step is None:
            raise ValueError(f"{head.name} does not end in a Dense")
        dense, before = step
        vectors.append(model_until(before)(projector(encoded)))
        kernels.append(keras.ops.convert_to_numpy(dense.kernel))
        bias = dense.bias if dense.use_bias else np.zeros(dense.units)
        biases.append(keras.ops.convert_to_numpy(bias))
    joined = keras.layers.Concatenate(name="joined")(vectors)
    classifier = keras.layers.Dense(len(biases[0]), name="classifier")
    logits = classifier(joined)
    kernel = np.concatenate(kernels) / len(heads)
    classifier.set_weights([kernel, np.mean(biases, axis=0)])
    return keras.Model(images, logits, name="student")
