"""Walking a model's graph backwards, through nested models too.

All that is used of Keras's own, unpublished parts is in `_producer` and
`function_of`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from atsc_keras.types import Tensor


@dataclass(frozen=True)
class Place:
    """A tensor inside a model, nested ones included.

    Attributes:
        tensor: symbolic; belongs to the graph of the innermost model.
        models: from the whole model to the innermost.
        entries: for each nested model the outer tensor that it is called on.
    """

    tensor: Tensor
    models: tuple[keras.Model, ...]
    entries: tuple[Tensor, ...] = ()


def _producer(tensor: Tensor) -> tuple[Any, list[Tensor]]:
    """Find which layer call made a symbolic tensor, and what it was called on.

    Keras has no public way to ask this of a layer that is called more than
    once, as every nested model is.
    """
    try:
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        return history.operation, list(node.input_tensors)
    except AttributeError as error:
        raise RuntimeError(
            "A model's graph must be known to Keras as in version 3.15. "
            f"Received: Keras {keras.__version__} ({error}). Install "
            "keras==3.15.*."
        ) from error


def has_graph(layer: Any) -> bool:
    """Tell whether a layer is a model whose own layers can be followed."""
    return isinstance(layer, keras.Model) and bool(
        getattr(layer, "inputs", None) and getattr(layer, "outputs", None)
    )


def sources(place: Place) -> tuple[Any, list[Place]]:
    """Find what layer or nested model made the tensor, and all it was given.

    Nothing at the input of the whole model.
    """
    while place.entries and place.tensor is place.models[-1].inputs[0]:
        place = Place(place.entries[-1], place.models[:-1], place.entries[:-1])
    layer, inputs = _producer(place.tensor)
    return layer, [Place(x, place.models, place.entries) for x in inputs]


def enter(model: keras.Model, before: Place) -> Place:
    """Go to the output of a nested model that is called on `before`."""
    return Place(
        model.outputs[0],
        (*before.models, model),
        (*before.entries, before.tensor),
    )


def step_over(place: Place) -> tuple[Any, Place] | None:
    """Take the only one of `sources`; None without, as where paths join."""
    layer, places = sources(place)
    return (layer, places[0]) if len(places) == 1 else None


def step_back(place: Place) -> tuple[Any, Place] | None:
    """Step as `step_over` does, but from within a nested model."""
    step = step_over(place)
    if step is None or not has_graph(step[0]):
        return step
    return step_back(enter(*step))


def model_until(place: Place) -> keras.Model:
    """Cut out the part of the whole model that computes a place's tensor."""
    tensor = place.tensor
    for inner, entry in zip(
        reversed(place.models[1:]), reversed(place.entries), strict=True
    ):
        if tensor is inner.inputs[0]:
            tensor = entry
        else:
            tensor = keras.Model(inner.inputs[0], tensor)(entry)
    return keras.Model(place.models[0].inputs[0], tensor)


def functional_form(model: keras.Model) -> keras.Model:
    """Wrap the same graph as a plain functional model.

    A Sequential's `input` is what it was first called on, not its own.
    """
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0])
    return keras.Model(model.input, model.output)


def rewire(
    model: keras.Model, call: Callable[..., Any], inputs: Any = None
) -> keras.Model:
    """Call a model's own layers again, on new symbolic inputs.

    Args:
        model: of `functional_form`.
        call: `call(layer, *args, **kwargs)` -> what stands for the output.
        inputs: structured as `model.input`; default: of the same shapes.

    Returns:
        A model of what the calls gave.
    """
    return keras.models.clone_model(
        model,
        input_tensors=inputs,
        clone_function=lambda layer: layer,
        call_function=call,
    )


def inline(model: keras.Model, last_axis: int) -> keras.Model:
    """Put the layers of nested models in their place.

    Args:
        model: of one input and one output.
        last_axis: only nested models that give vectors, or this many
            channels, and are called on one tensor alone.

    Returns:
        A functional model of the same layers and weights.
    """

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if (
            not has_graph(layer)
            or [len(layer.inputs), len(layer.outputs)] != [1, 1]
            or any(value is not None for value in kwargs.values())
            or (
                len(layer.outputs[0].shape) > 2
                and layer.outputs[0].shape[-1] != last_axis
            )
        ):
            return layer(*args, **kwargs)
        end = keras.layers.Identity()
        reached: list[Any] = []

        def call_inside(inner: Any, *args: Any, **kwargs: Any) -> Any:
            if inner is not end:
                return call(inner, *args, **kwargs)
            reached.append(args[0])
            return args[0]

        marked = keras.Model(layer.inputs[0], end(layer.outputs[0]))
        rewire(marked, call_inside, args[0])
        return reached[0]

    return rewire(keras.Model(model.inputs[0], model.outputs[0]), call)


def function_of(operation: Any) -> str:
    """Tell which function of `keras.ops` an operation in a graph is.

    Their classes are not public. No layer is one, whatever its name.
    """
    if isinstance(operation, keras.layers.Layer):
        return ""
    name = type(operation).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def leaf_layers(layer: Any) -> list[Any]:
    """List the layers inside nested models and pipelines, each once."""
    if not isinstance(layer, keras.Model | keras.layers.Pipeline):
        return [layer]
    leaves = [leaf for part in layer.layers for leaf in leaf_layers(part)]
    return list({id(leaf): leaf for leaf in leaves}.values())


def is_kernel(weight: keras.Variable) -> bool:
    """Tell whether a weight multiplies what its layer is given.

    By its role, which its name tells in every layer of Keras and its
    libraries: `kernel`, `depthwise_kernel`, ... Slopes of a PReLU, embeddings
    and scales are none, whatever their shape.
    """
    return weight.name.endswith("kernel")


# === Signs ===

# Where all that they are given is not negative, their output is not.
_KEEP_SIGN = (
    keras.layers.AveragePooling2D,
    keras.layers.MaxPooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.AdaptiveAveragePooling2D,
    keras.layers.AdaptiveMaxPooling2D,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Concatenate,
    keras.layers.Add,
    keras.layers.Dropout,
    keras.layers.Identity,
)
_TAKE = ("get_item", "reshape", "transpose", "concatenate")
_RECTIFYING = ("relu", "relu6", "sigmoid", "softmax")


def is_never_negative(encoder: keras.Model) -> bool:
    """Tell whether a model's graph shows that its output is never negative.

    Args:
        encoder: with a graph and one output.

    Returns:
        True if every path to the output ends in a ReLU or the like, followed
        by nothing but pooling, sums and changes of shape.
    """
    return has_graph(encoder) and _never_negative(
        Place(encoder.outputs[0], (encoder,))
    )


def _never_negative(place: Place) -> bool:
    layer, given = sources(place)
    if _rectifies(layer):
        return True
    if has_graph(layer) and len(given) == 1:
        return _never_negative(enter(layer, given[0]))
    keeps = isinstance(layer, _KEEP_SIGN) or function_of(layer) in _TAKE
    return keeps and bool(given) and all(map(_never_negative, given))


def _rectifies(layer: Any) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        # Of a leaky one negative values leave.
        return not layer.negative_slope and layer.threshold >= 0
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", None)
    return function_of(layer) in _RECTIFYING or name in _RECTIFYING
