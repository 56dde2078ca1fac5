"""How large a model is: weights, and multiply-adds of one image."""

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import isqrt, prod
from typing import Any, TypeAlias

import keras
import numpy as np

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import function_of, leaf_layers
from atsc_keras.types import Shape


def count_parameters(model: keras.Model) -> int:
    """Count trainable weights, frozen layers included; statistics left out.

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
        prod(weight.shape)
        for weight in model.weights
        if id(weight) not in statistics
    )


def count_multiply_adds(
    model: keras.Model,
    image_shape: Shape | None = None,
    *,
    learning_only: bool = False,
) -> int:
    """Count the multiply-adds of one forward pass of one image.

    Convolutions and matrix products count, as in the literature, at each
    call and however deep inside layers; normalisation, activations and
    pooling do not. Nothing is computed. What a layer computes past
    `keras.ops`, as with a framework's own functions, is not seen.

    Args:
        model: any built model of one input, or what offers
            `to_functional()`.
        image_shape: `(H, W, C)`; default: the model's own.
        learning_only: leave frozen layers out; default false.

    Returns:
        The number of multiply-adds.

    Raises:
        InputError: if the model is not built, has not one input, or neither
            it nor `image_shape` says how large an image is.
    """
    if not getattr(model, "inputs", None) and hasattr(model, "to_functional"):
        model = model.to_functional()
    image = _image(model, image_shape)
    one_pass = _Pass(model, learning_only)
    with _watched(one_pass):
        one_pass.compute_output_spec(image)
    return one_pass.total


def _image(model: Any, image_shape: Shape | None) -> keras.KerasTensor:
    """Make one symbolic image of the size that a model is counted for."""
    if not model.built:
        raise InputError(
            "Multiply-adds are counted of a model that is built. Received: "
            f"{model.name} ({type(model).__name__}), which is not. Build it "
            "as keras.Model(images, outputs)."
        )
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1:
        raise InputError(
            "Multiply-adds are counted for models of one input, the image. "
            f"Received: {model.name} with {len(inputs)} inputs. Count its "
            "parts."
        )
    own = inputs[0].shape[1:] if inputs else (None,)
    shape = tuple(image_shape or own)
    if None in shape:
        raise InputError(
            "Multiply-adds need the size of the image. Received: "
            f"{model.name} with input {shape}. Give `image_shape`, for "
            "example (224, 224, 3)."
        )
    dtype = inputs[0].dtype if inputs else None
    # Of batch size 1, so that a product of sizes is a count for one image.
    return keras.KerasTensor((1, *shape), dtype or keras.config.floatx())


class _Pass(keras.Operation):
    """A model sent one image, and what that multiplies.

    Args:
        model: to call.
        learning_only: leave frozen layers out.

    Attributes:
        total: multiply-adds.
    """

    total: int

    def __init__(self, model: keras.Model, learning_only: bool) -> None:
        super().__init__()
        self.model = model
        self.learning_only = learning_only

    def call(self, image: Any) -> Any:
        self.total = 0  # torch traces again, in another way, where that fails
        token = _RUNNING.set((self.model,))
        try:
            self.model(image)
        finally:
            _RUNNING.reset(token)
        return image

    def run(
        self, plain: Callable[..., Any], operation: Any, *args: Any, **kw: Any
    ) -> Any:
        """Call a layer, or an operation of a graph, and count it."""
        running = _RUNNING.get()
        if not running:  # in another thread
            return plain(operation, *args, **kw)
        before = self.total
        token = _RUNNING.set((*running, operation))
        try:
            output = plain(operation, *args, **kw)
            if isinstance(operation, keras.layers.RNN):
                # Backends loop in their own ways, on a GPU without the cell.
                self.total = before
                sequence = args[0] if args else kw["sequences"]
                states = operation.get_initial_state(sequence.shape[0])
                operation.cell(sequence[:, 0], states)
                steps = sequence.shape[1]
                self.total = before + steps * (self.total - before)
            subscripts = getattr(operation, "subscripts", None)  # of an einsum
            given = args if subscripts is None else (subscripts, *args)
            self.add(function_of(operation), output, given)
            return output
        finally:
            _RUNNING.reset(token)

    def add(self, name: str, output: Any, given: tuple[Any, ...]) -> None:
        """Count one call of a function of `keras.ops`."""
        running = _RUNNING.get()
        if not running or name not in _MULTIPLICATIONS:
            return
        if self.learning_only and not getattr(
            running[-1], "trainable_variables", []
        ):
            return
        shapes = [x if isinstance(x, str) else np.shape(x) for x in given]
        self.total += _MULTIPLICATIONS[name](np.shape(output), *shapes)


# Layers and operations that a pass runs in this thread, outermost first.
_RUNNING: ContextVar[tuple[Any, ...]] = ContextVar("running", default=())
_LOCK = threading.RLock()


@contextmanager
def _watched(one_pass: _Pass) -> Iterator[None]:
    """Have each call of an operation, or of `keras.ops`, tell a pass.

    In every module that has the function: Keras's own layers and others
    import them from different places.
    """

    def watch(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)

        def watched(*args: Any, **kwargs: Any) -> Any:
            output = function(*args, **kwargs)
            # In the order of the signature, if given by name too.
            one_pass.add(name, output, signature.bind(*args, **kwargs).args)
            return output

        return watched

    with _LOCK:
        plain = keras.Operation.__call__
        functions = {
            name: getattr(keras.ops, name) for name in _MULTIPLICATIONS
        }
        places = [
            (module, name)
            for module in list(sys.modules.values())
            for name, function in functions.items()
            if getattr(module, "__dict__", {}).get(name) is function
        ]
        try:
            keras.Operation.__call__ = lambda *args, **kwargs: one_pass.run(
                plain, *args, **kwargs
            )
            for module, name in places:
                setattr(module, name, watch(name, functions[name]))
            yield
        finally:
            keras.Operation.__call__ = plain
            for module, name in places:
                setattr(module, name, functions[name])


# === What one call multiplies, by the shapes of its output and inputs ===

_Sizes: TypeAlias = tuple[int, ...]


def _einsum(output: _Sizes, subscripts: str, *shapes: _Sizes) -> int:
    """Multiply what is computed by the sizes of the letters that it has not."""
    if len(shapes) < 2:
        return 0
    given, arrow, kept = subscripts.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for term, shape in zip(given.split(","), shapes, strict=True):
        before, _, after = term.partition("...")
        sizes.update(zip(before, shape, strict=False))
        sizes.update(zip(after[::-1], shape[::-1], strict=False))
    if not arrow:
        kept = "".join(x for x in sizes if given.count(x) == 1)
    return prod(output) * prod(sizes[x] for x in sizes if x not in kept)


def _tensordot(output: _Sizes, x1: _Sizes, x2: _Sizes, *_: Any) -> int:
    # Of free * summed, summed * other and free * other.
    return isqrt(prod(x1) * prod(x2) * prod(output))


# `y` is the output. A grouped kernel spans the inputs of one group only.
_MULTIPLICATIONS: dict[str, Callable[..., int]] = {
    "matmul": lambda y, x1, x2: prod(y) * x1[-1],
    **dict.fromkeys(("dot", "inner", "tensordot", "vdot"), _tensordot),
    "einsum": _einsum,
    "conv": lambda y, x, kernel, *_: prod(y) * prod(kernel[:-1]),
    "depthwise_conv": lambda y, x, kernel, *_: prod(y) * prod(kernel[:-2]),
    "conv_transpose": lambda y, x, kernel, *_: prod(x) * prod(kernel[:-1]),
    "separable_conv": lambda y, x, depthwise, pointwise, *_: (
        prod(y) // pointwise[-1] * (prod(depthwise) + prod(pointwise))
    ),
    # The scores, and the sums that they weigh.
    "dot_product_attention": lambda y, query, key, *_: (
        (prod(query) + prod(y)) * key[1]
    ),
}
