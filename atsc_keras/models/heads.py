"""Heads that are no plain Dense, as the Dense that they are equal to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from atsc_keras.models.endings import (
    activation_of,
    answers,
    probes,
    read_ending,
)
from atsc_keras.models.graphs import Place, function_of, is_kernel, sources
from atsc_keras.types import Tensor

_EQUAL = 1e-5  # difference of a logit, for each unit of the largest
_CHUNK = 64  # unit vectors at a time
# What may lie between class scores and the layer that makes them.
_PASSING = (
    *("add", "subtract", "multiply", "divide", "true_divide", "negative"),
    *("mean", "sum", "max", "average", "clip", "log_softmax", "logsumexp"),
    *("softmax", "log", "pad"),
    *("reshape", "squeeze", "get_item", "transpose", "cast", "stack"),
)
_PASSING_LAYERS = (
    *(keras.layers.Dropout, keras.layers.Identity, keras.layers.Rescaling),
    *(keras.layers.Add, keras.layers.Average, keras.layers.Subtract),
    *(keras.layers.Flatten, keras.layers.Reshape),
    *(keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D),
    *(keras.layers.AveragePooling2D, keras.layers.MaxPooling2D),
)


@dataclass(frozen=True)
class Head:
    """The end of a classifier.

    Attributes:
        logits: image -> `(B, K)`.
        before: tensor of that model which the head is given, a map or a
            vector; None where the whole model is the head.
        kernel: of the Dense `(C, K)` that gives the logits of `before`, up to
            a constant for each image; None where no Dense does.
        bias: `(K,)`, likewise.
        pooling: of a map, before that Dense: "mean", "max", or none.
    """

    logits: keras.Model
    before: Tensor | None
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    pooling: str | None = None


def read_head(model: keras.Model, classes: int | None) -> Head | None:
    """Find the end of a classifier that does not end in a plain Dense.

    Args:
        model: of one image input and one output.
        classes: that it should know; default: not known.

    Returns:
        The head; None where the model gives features or a number, not class
        scores: it shows neither a softmax nor a linear layer of as many
        channels.
    """
    ending = read_ending(model)
    logits = ending.logits
    count = logits.output_shape[-1]
    surely = ending.activation != "linear" or classes == count
    if ending.activation == "linear":
        if classes not in (None, count) or count == 1:
            return None
        made = _makers(Place(logits.outputs[0], (logits,)), count)
        if not made:
            return None
        # A Dense of vectors ends a classifier; a convolution may end features.
        surely = surely or all(len(x.shape) == 2 for x in made)
    for before in _narrows(logits):
        if len(before.shape) not in (2, 4):
            continue
        tail = keras.Model(before, logits.outputs[0])
        if not any(map(is_kernel, tail.weights)):
            continue
        features = keras.Model(logits.inputs[0], before)
        found = _as_dense(tail, answers(features, probes(logits)))
        if found is None and not surely:
            return None
        return Head(logits, before, *(found or ()))
    return Head(logits, None)


def _makers(place: Place, count: int) -> list[Tensor]:
    """List what linear layers of so many channels give at the end of paths.

    Nothing where a path ends in something else.
    """
    layer, given = sources(place)
    if any(map(is_kernel, getattr(layer, "weights", []))):
        ends = activation_of(layer) in (None, "linear", "softmax")
        fits = ends and place.tensor.shape[-1] == count
        return [place.tensor] if fits else []
    passing = (
        isinstance(layer, _PASSING_LAYERS)
        or function_of(layer) in _PASSING
        or activation_of(layer) in ("linear", "softmax", "log_softmax")
    )
    made = [_makers(each, count) for each in given if passing]
    return [x for each in made for x in each] if all(made) else []


def _narrows(model: keras.Model) -> Iterator[Tensor]:
    """List inner tensors that all paths lead through, the last one first."""
    output = model.outputs[0]
    order: list[Tensor] = []
    given: dict[int, list[Tensor]] = {}
    stack = [(output, False)]
    while stack:
        tensor, finished = stack.pop()
        if finished:
            order.append(tensor)
        elif id(tensor) not in given:
            inputs = sources(Place(tensor, (model,)))[1]
            given[id(tensor)] = [place.tensor for place in inputs]
            stack.append((tensor, True))
            stack += [(each, False) for each in given[id(tensor)]]
    open_paths = {id(output)}
    for tensor in reversed(order):
        if open_paths == {id(tensor)} and tensor is not output:
            yield tensor
        open_paths.discard(id(tensor))
        open_paths |= set(map(id, given[id(tensor)]))


def _as_dense(
    tail: keras.Model, features: np.ndarray
) -> tuple[np.ndarray, np.ndarray, str | None] | None:
    """Find the kernel and bias that give what a tail gives, if any do.

    Args:
        tail: features -> logits.
        features: maps or vectors, as the encoder gives them.
    """
    # Its own, and others: a ReLU or a clip would show.
    middle = features.mean(0, keepdims=True)
    features = np.concatenate(
        [features, middle + 2 * (features - middle), -features]
    )
    expected = answers(tail, features)
    for pooling in ("mean", "max") if features.ndim == 4 else (None,):
        size = features.shape[1:-1]
        vectors = features
        if pooling is not None:
            vectors = getattr(features, pooling)((1, 2))

        def on_vectors(values: np.ndarray, size: Any = size) -> np.ndarray:
            shape = (len(values), *(1 for _ in size), values.shape[-1])
            maps = np.broadcast_to(
                values.reshape(shape), (len(values), *size, values.shape[-1])
            )
            return answers(tail, np.ascontiguousarray(maps, "float32"))

        if not _agree(on_vectors(vectors), expected):
            continue
        units = np.eye(vectors.shape[-1], dtype="float32")
        bias = on_vectors(units[:1] * 0)
        kernel = np.concatenate(
            [
                on_vectors(units[start : start + _CHUNK]) - bias
                for start in range(0, len(units), _CHUNK)
            ]
        )
        for less in (0.0, 1.0):  # as they are, else up to a constant
            mean = less * kernel.mean(-1, keepdims=True)
            shift = less * bias.mean(-1, keepdims=True)
            wanted = expected - less * expected.mean(-1, keepdims=True)
            if _agree(vectors @ (kernel - mean) + bias - shift, wanted):
                return kernel - mean, (bias - shift)[0], pooling
    return None


def _agree(one: np.ndarray, other: np.ndarray) -> bool:
    limit = _EQUAL * (1 + np.abs(other).max())
    return bool(np.abs(one - other).max() <= limit)
