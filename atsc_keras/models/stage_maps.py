"""The maps inside an encoder that methods of the literature compare."""

import re
from typing import Any

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.graphs import functional_form, leaf_layers, rewire

# A map of so few places, of pictures that had more to show.
_PLACES = 2
_SIDE = 24
# Their maps have a size of their own that no other layer sees.
_MARGINS = (keras.layers.ZeroPadding2D, keras.layers.Cropping2D)


def with_stage_maps(encoder: keras.Model) -> keras.Model:
    """Wire an encoder's layers to give the map that ends each resolution.

    A map counts where nothing else leads past it: the sum of a residual
    block, not what is inside. Models nested in the encoder count as one step.

    Args:
        encoder: image -> features, with a graph.

    Returns:
        A model image -> `[map, ..., features]` of the same layers, maps
        `(B, h, w, C)` from large to small. Features that are a map are the
        last of them, and not given twice.
    """
    calls: list[tuple[Any, list[int], Any]] = []

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = layer(*args, **kwargs)
        given = keras.tree.flatten((args, kwargs))
        tensors = filter(keras.utils.is_keras_tensor, given)
        calls.append((layer, list(map(id, tensors)), outputs))
        return outputs

    wired = rewire(functional_form(encoder), call)
    features = wired.outputs[0]
    maps = {}
    for tensor in _bottlenecks(calls):
        if len(tensor.shape) == 4:
            maps[tensor.shape[1:3]] = tensor
    if len(features.shape) == 4:
        maps[features.shape[1:3]] = features
        outputs = list(maps.values())
    else:
        outputs = [*maps.values(), features]
    return keras.Model(wired.input, outputs)


def stem_note(encoder: keras.Model, name: str) -> str | None:
    """Say that a network was made for larger pictures; None where not.

    Such a network halves pictures of 32 or 64 pixels before it has looked at
    them, and ends with a map of one or two places.

    Args:
        encoder: image -> features, with a graph.
        name: what the line calls it, such as "student".
    """
    height, width, _ = encoder.input_shape[1:]
    if height is None or width is None:
        return None  # it takes pictures of any size
    strides = (
        layer.strides
        for layer in leaf_layers(encoder)
        if isinstance(layer, keras.layers.Conv2D) and layer.strides
    )
    if max(next(strides, (1,))) == 1 or max(height, width) < _SIDE:
        return None
    maps = [
        x.shape[1:3] for x in with_stage_maps(encoder).outputs if x.ndim > 2
    ]
    # Behind a pooling that is global there is one place, of any picture.
    rows, columns = min(
        (m for m in maps if max(m) > 1), default=(height, width)
    )
    if max(rows, columns) > _PLACES:
        return None
    return (
        f"The {name} leaves {rows} x {columns} places of pictures of {height} "
        f"x {width} pixels: its first convolutions were made for larger ones. "
        "Larger pictures (in a config `data.image_size`), or a network whose "
        "first convolution has stride 1, may gain more than any teaching."
    )


def last_stage(encoder: keras.Model) -> list[str]:
    """Name the layers with weights behind the last change of size.

    Args:
        encoder: image -> features, with a graph.

    Returns:
        Names, escaped as patterns for `adapt_only`.

    Raises:
        InputError: if its maps all have one size.
    """
    wired = with_stage_maps(encoder)
    if len(wired.outputs) < 2:
        raise InputError(
            "The last stage of an encoder begins behind its last change of "
            f"size. Received: {encoder.name}, in which none is seen. Name the "
            "layers that adapt."
        )
    front = keras.Model(wired.input, wired.outputs[-2])
    before = set(map(id, front.layers))
    return [
        re.escape(layer.name)
        for layer in encoder.layers
        if layer.weights and id(layer) not in before
    ]


def _bottlenecks(calls: list[tuple[Any, list[int], Any]]) -> list[Any]:
    """Find tensors that all later calls depend on through nothing else."""
    last_use = {
        given: index for index, (_, ids, _) in enumerate(calls) for given in ids
    }
    found = []
    live: set[int] = set()
    weighted = False
    for index, (layer, _, outputs) in enumerate(calls):
        weighted = weighted or bool(getattr(layer, "weights", ()))
        made = keras.tree.flatten(outputs)
        live |= {id(x) for x in made}
        live = {x for x in live if last_use.get(x, index) > index}
        only = live == {id(made[0])} or index == len(calls) - 1
        if only and weighted and not isinstance(layer, _MARGINS):
            found.append(made[0])
    return found
