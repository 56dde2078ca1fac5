"""How large a model is: weights, and multiply-adds of one image."""

import math
from typing import Any

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import functional_form, leaf_layers, rewire
from atsc_keras.types import Shape, Tensor

_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_ONE_KERNEL = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.Dense,
)


def count_parameters(model: keras.Model) -> int:
    """Trainable weights, frozen layers included; statistics left out.

    Args:
        model: any built model.

    Returns:
        The number of scalars.
    """
    statistics = {
        id(weight)
        for layer in leaf_layers(model)
        for weight in layer.weights
        if weight.name.startswith("moving_")
        or isinstance(layer, keras.layers.Normalization)
    }
    return sum(
        math.prod(weight.shape)
        for weight in model.weights
        if id(weight) not in statistics
    )


def count_multiply_adds(
    model: keras.Model,
    image_shape: Shape | None = None,
    *,
    learning_only: bool = False,
) -> int:
    """Multiply-adds of one forward pass of one image.

    Convolutions, Dense, EinsumDense and MultiHeadAttention count, as in the
    literature; normalisation, activations, pooling and layers that are not
    Keras's own do not. A layer counts each time that it is called.

    Args:
        model: Functional, Sequential, or what offers `to_functional()`;
            nested models count too.
        image_shape: `(H, W, C)`; default: the model's own.
        learning_only: leave frozen layers out; default false.

    Returns:
        The number of multiply-adds.

    Raises:
        InputError: if the model has no graph, not one input, or neither it
            nor `image_shape` says how large an image is.
    """
    model = _graph_of(model)
    if len(model.inputs) != 1:
        raise InputError(
            "Multiply-adds are counted for models of one input, the image. "
            f"Received: {model.name} with {len(model.inputs)} inputs. Count "
            "its parts."
        )
    shape = tuple(image_shape or model.inputs[0].shape[1:])
    if None in shape:
        raise InputError(
            "Multiply-adds need the size of the image. Received: "
            f"{model.name} with input {shape}. Give `image_shape`, for "
            "example (224, 224, 3)."
        )
    # Of batch size 1, so that a product of sizes is a count for one image.
    return _trace(model, [(1, *shape)], learning_only)


def _graph_of(model: Any) -> keras.Model:
    """The model itself, or the functional form that it offers."""
    if not getattr(model, "inputs", None) and hasattr(model, "to_functional"):
        model = model.to_functional()
    if not getattr(model, "inputs", None):
        raise InputError(
            "Multiply-adds are counted along the graph of a model. Received: "
            f"{model.name} ({type(model).__name__}), which has none. Build "
            "it as keras.Model(images, outputs)."
        )
    return model


def _trace(model: Any, shapes: list[Shape], learning_only: bool) -> int:
    """Send symbolic inputs through a model's own layers and count.

    What the layers were called on before may have had another size, or none.
    """
    total = 0

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal total
        outputs = layer(*args, **kwargs)
        if isinstance(layer, keras.Model):
            inner = [x.shape for x in keras.tree.flatten(args)]
            total += _trace(_graph_of(layer), inner, learning_only)
        elif not learning_only or getattr(layer, "trainable_variables", []):
            total += _layer_multiply_adds(layer, args, kwargs, outputs)
        return outputs

    inputs = [
        keras.Input(batch_shape=shape, dtype=x.dtype)
        for shape, x in zip(shapes, model.inputs, strict=True)
    ]
    form = functional_form(model)
    rewire(form, call, keras.tree.pack_sequence_as(form.input, inputs))
    return total


def _layer_multiply_adds(
    layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any
) -> int:
    """Count one call of one layer on inputs of batch size 1."""
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return _attention_multiply_adds(layer, *args, **kwargs)
    if isinstance(layer, keras.layers.EinsumDense):
        return _einsum_multiply_adds(layer, args[0].shape)
    if isinstance(layer, _SEPARABLE):
        return math.prod(outputs.shape[:-1]) * (
            math.prod(layer.depthwise_kernel.shape)
            + math.prod(layer.pointwise_kernel.shape)
        )
    if isinstance(layer, _TRANSPOSED):
        return math.prod(args[0].shape[:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, _ONE_KERNEL):
        # A grouped kernel already spans the inputs of one group only.
        return math.prod(outputs.shape[:-1]) * math.prod(layer.kernel.shape)
    return 0


def _attention_multiply_adds(
    layer: Any, query: Tensor, value: Tensor, key: Any = None, **_: Any
) -> int:
    """The four projections, the scores, and the weighted sums."""
    queries = math.prod(query.shape[:-1])
    values = math.prod(value.shape[:-1])
    keys = math.prod((value if key is None else key).shape[:-1])
    projections = sum(
        tokens * math.prod(dense.kernel.shape)
        for tokens, dense in (
            (queries, layer.query_dense),
            (keys, layer.key_dense),
            (values, layer.value_dense),
            (queries, layer.output_dense),
        )
    )
    width = layer.num_heads * (layer.key_dim + layer.value_dim)
    return projections + queries * values * width


def _einsum_multiply_adds(layer: Any, shape: tuple[int, ...]) -> int:
    """The kernel's size for each place along the axes it does not have."""
    features, kernel = layer.equation.split("->")[0].split(",")
    named = len(features.replace("...", ""))
    unnamed = "." * (len(shape) - named)
    axes = features.replace("...", unnamed)
    return math.prod(layer.kernel.shape) * math.prod(
        size
        for axis, size in zip(axes, shape, strict=True)
        if axis not in kernel.replace(".", "")
    )
