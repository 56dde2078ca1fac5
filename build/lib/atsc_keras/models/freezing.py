"""Teachers of which only a part adapts."""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
from keras import ops

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import functional_form, has_graph, rewire
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Tensor

_NAMES_SHOWN = 12


def adapt_only(teacher: ImageClassifier, patterns: Sequence[str]) -> None:
    """Freeze a teacher's encoder but for the layers that patterns name.

    Whatever was frozen before counts no more. Pooler and classifier learn,
    unless no pattern is given at all: then the whole teacher is frozen, which
    makes ATSC SimKD.

    Args:
        teacher: changed in place; before `compile`.
        patterns: names of layers, or of models nested in the encoder, or
            regular expressions for whole names, such as `stage3_.*`.

    Raises:
        InputError: if a pattern is no regular expression, or names no layer
            with weights.
    """
    teacher.trainable = bool(patterns)
    if not patterns:
        return
    compiled = [_compile(pattern) for pattern in patterns]
    unused = set(patterns)
    names = []
    for path, layer in _named_leaves(teacher.encoder):
        if not layer.weights:
            continue
        names.append(layer.name)
        hits = {p.pattern for p in compiled if any(map(p.fullmatch, path))}
        unused -= hits
        layer.trainable = bool(hits)
    if unused:
        shown = ", ".join(names[-_NAMES_SHOWN:])
        raise InputError(
            "Each pattern of `trainable` must name a layer with weights of "
            f"the teacher's encoder. Received: {sorted(unused)[0]!r}. Its last "
            f"such layers: {shown}."
        )


@contextmanager
def flags_kept(models: Sequence[keras.Model]) -> Iterator[None]:
    """Let layers be frozen or not, while it lasts; then all are as before."""
    # From the outside in: a model hands its flag to what it holds.
    flags = [(x, x.trainable) for model in models for x in _within(model)]
    try:
        yield
    finally:
        for layer, flag in flags:
            layer.trainable = flag


def _within(layer: Any) -> Iterator[Any]:
    yield layer
    for part in getattr(layer, "layers", ()):
        yield from _within(part)


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InputError(
            "`trainable` must hold names of layers or regular expressions. "
            f"Received: {pattern!r} ({error}). For any ending write `.*`."
        ) from error


def _named_leaves(
    model: keras.Model, above: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], Any]]:
    """List each layer that is no model, with its name and those around it."""
    leaves = []
    for layer in model.layers:
        path = (*above, layer.name)
        if isinstance(layer, keras.Model):
            leaves += _named_leaves(layer, path)
        else:
            leaves.append((path, layer))
    return leaves


def training_pass(encoder: keras.Model) -> Callable[[Tensor], Tensor]:
    """Make an encoder's forward pass in a training step.

    Layers in front of the first that learns run in inference mode, dropout
    and its like among them, and no gradient is sent back through them.

    Args:
        encoder: as frozen as it will be.

    Returns:
        Images -> features.
    """
    if not encoder.trainable_variables:
        return partial(encoder, training=False)
    leaves = [layer for _, layer in _named_leaves(encoder)]
    if not has_graph(encoder) or not any(map(_is_frozen, leaves)):
        return partial(encoder, training=True)
    return partial(_with_fixed_front(encoder), training=True)


def _is_frozen(layer: Any) -> bool:
    return bool(layer.weights) and not layer.trainable


class _InferenceCall(keras.layers.Layer):
    """Calls a layer of another model as `predict` does."""

    def __init__(self, layer: Any) -> None:
        super().__init__(dtype=getattr(layer, "dtype_policy", None))
        # Past Keras's tracking: the layer belongs to the encoder.
        self._call_layer = partial(_call_in_inference_mode, layer)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        outputs = self._call_layer(*args, **kwargs)
        return keras.tree.map_structure(ops.stop_gradient, outputs)


def _call_in_inference_mode(layer: Any, *args: Any, **kwargs: Any) -> Any:
    if "training" in inspect.signature(layer.call).parameters:
        kwargs["training"] = False
    return layer(*args, **kwargs)


def _with_fixed_front(encoder: keras.Model) -> keras.Model:
    """Wire the same layers so that the frozen front is out of training."""
    model = functional_form(encoder)
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype), model.input
    )
    fixed = set(map(id, keras.tree.flatten(inputs)))

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        given = keras.tree.flatten((args, kwargs))
        tensors = [x for x in given if keras.utils.is_keras_tensor(x)]
        if not all(id(x) in fixed for x in tensors):
            return layer(*args, **kwargs)
        if getattr(layer, "trainable_variables", ()):
            # A nested model may have a front of its own.
            part = _with_fixed_front(layer) if has_graph(layer) else layer
            return part(*args, **kwargs)
        if isinstance(layer, keras.layers.Layer):
            layer = _InferenceCall(layer)
        outputs = layer(*args, **kwargs)
        fixed.update(map(id, keras.tree.flatten(outputs)))
        return outputs

    return rewire(model, call, inputs)
