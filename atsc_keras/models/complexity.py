"""How large a model is: weights, and multiply-adds of one image."""

import math
from typing import Any

import keras


def count_parameters(model: keras.Model) -> int:
    """Trainable weights, frozen layers included; statistics left out.

    Args:
        model: any built model.

    Returns:
        The number of scalars.
    """
    statistics = {
        id(weight)
        for layer in _leaves(model)
        for weight in layer.weights
        if weight.name.startswith("moving_")
    }
    return sum(
        math.prod(weight.shape)
        for weight in model.weights
        if id(weight) not in statistics
    )


def count_multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of one forward pass of one image.

    Convolutions and Dense layers count, as in the literature; normalisation,
    activations and pooling do not. Each layer counts once.

    Args:
        model: functional or sequential, of known image size; nested models
            count too.

    Returns:
        The number of multiply-adds.
    """
    return sum(_layer_multiply_adds(layer) for layer in _leaves(model))


def _layer_multiply_adds(layer: Any) -> int:
    layers = keras.layers
    if isinstance(layer, layers.SeparableConv1D | layers.SeparableConv2D):
        positions = math.prod(_shape(layer, "output")[1:-1])
        depthwise = math.prod(layer.depthwise_kernel.shape)
        pointwise = math.prod(layer.pointwise_kernel.shape)
        return positions * (depthwise + pointwise)
    if isinstance(
        layer,
        layers.Conv1DTranspose
        | layers.Conv2DTranspose
        | layers.Conv3DTranspose,
    ):
        positions = math.prod(_shape(layer, "input")[1:-1])
        return positions * math.prod(layer.kernel.shape)
    if isinstance(
        layer,
        layers.Conv1D
        | layers.Conv2D
        | layers.Conv3D
        | layers.DepthwiseConv1D
        | layers.DepthwiseConv2D
        | layers.Dense,
    ):
        # A grouped kernel already spans the inputs of one group only.
        positions = math.prod(_shape(layer, "output")[1:-1])
        return positions * math.prod(layer.kernel.shape)
    return 0


def _shape(layer: Any, side: str) -> tuple[int, ...]:
    """Shape of the layer's input or output where it was first called."""
    tensors = getattr(layer._inbound_nodes[0], f"{side}_tensors")
    return tuple(tensors[0].shape)


def _leaves(layer: Any) -> list[Any]:
    """The layers inside nested models, each once."""
    if not isinstance(layer, keras.Model):
        return [layer]
    leaves = [leaf for part in layer.layers for leaf in _leaves(part)]
    return list({id(leaf): leaf for leaf in leaves}.values())
