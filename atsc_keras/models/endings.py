"""How a classifier ends: found in its graph, confirmed by its numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np

from atsc_keras.models.graphs import Place, function_of, inline, sources
from atsc_keras.types import Tensor

Activation = Literal["linear", "softmax", "sigmoid"]
_CONFIRMED = 1e-5  # difference of a probability
_SUM = 1e-3  # by which probabilities may miss 1, in half precision
_PROBES = 2  # images of each brightness
_SIDE = 64  # of them, where the model takes any


@dataclass(frozen=True)
class Ending:
    """What a classifier gives, and the logits that stand behind it.

    Attributes:
        given: image -> what the model gives, `(B, K)`; of one sigmoid unit
            `p` that is `(1 - p, p)`.
        logits: image -> `(B, K)`; where probabilities are given, known up to
            a constant for each image.
        activation: `given = activation(logits)`.
        found: whether the logits are a tensor of the model; else they are the
            logarithms of what it gives.
    """

    given: keras.Model
    logits: keras.Model
    activation: Activation
    found: bool = True


def read_ending(model: keras.Model) -> Ending:
    """Find the logits of a classifier, whatever it ends in.

    What comes behind a softmax or sigmoid (a reshape, a clip, another sum) is
    left out only where these alone give the model's own numbers, on noise of
    several brightnesses.

    Args:
        model: of one image input and one output, `(B, K)` or with axes of
            size 1 in between.

    Returns:
        The ending. Layers are the model's own, except for a copy of one that
        has the activation in itself. One number an image is left as it is,
        unless a sigmoid made it.
    """
    model = inline(model, model.outputs[0].shape[-1])
    given = _of_vectors(model, model.outputs[0])
    outputs = answers(given, probes(model))
    if given.output_shape[-1] == 1:
        return _of_one_unit(model, given, outputs)
    if are_probabilities(outputs):
        found = _behind(model, given, outputs, "softmax")
        return found or _logarithms(given)
    found = _behind(model, given, outputs, "sigmoid")
    return found or Ending(given, given, "linear")


def are_probabilities(outputs: np.ndarray) -> bool:
    """Tell whether rows are not negative and sum to 1."""
    return bool(
        outputs.min() >= 0 and np.abs(outputs.sum(-1) - 1).max() <= _SUM
    )


def probes(model: keras.Model) -> np.ndarray:
    """Noise of several brightnesses, for the input of a model."""
    random = np.random.default_rng(0)
    tensor = model.inputs[0]
    shape = [_SIDE if size is None else size for size in tensor.shape[1:]]
    noise = random.uniform(0, 255, (_PROBES, *shape))
    bright = [noise, noise / 4, noise / 255, noise / 127.5 - 1]
    whole = "int" in keras.backend.standardize_dtype(tensor.dtype)
    return np.concatenate(bright[:2] if whole else bright).astype(tensor.dtype)


def answers(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Run a model at inference; outputs in float32."""
    outputs = keras.ops.convert_to_numpy(model(inputs, training=False))
    return np.asarray(outputs, "float32")


def activation_of(layer: Any) -> str | None:
    """Name the function that a layer or an operation ends in, if any."""
    if isinstance(layer, keras.layers.Softmax | keras.layers.ReLU):
        return type(layer).__name__.lower()
    own = getattr(layer, "activation", None)
    return function_of(layer) or getattr(own, "__name__", None)


def _of_vectors(model: keras.Model, tensor: Tensor) -> keras.Model:
    """Cut a model at a tensor, and give that as `(B, K)`."""
    if len(tensor.shape) != 2:
        tensor = keras.layers.Reshape((_size(tensor),))(tensor)
    return keras.Model(model.inputs[0], tensor, name=model.name)


def _size(tensor: Tensor) -> int:
    """Count the numbers of an image; 0 where that is not fixed."""
    return int(np.prod([size or 0 for size in tensor.shape[1:]]))


def _behind(
    model: keras.Model, given: keras.Model, outputs: np.ndarray, name: str
) -> Ending | None:
    """Find the tensor whose softmax or sigmoid is what the model gives."""
    activate = getattr(keras.ops, name)
    images = probes(model)
    for logits in _candidates(model, outputs.shape[-1], name):
        found = activate(keras.ops.convert_to_tensor(answers(logits, images)))
        if _equal(keras.ops.convert_to_numpy(found), outputs):
            return Ending(given, logits, name)  # type: ignore[arg-type]
    return None


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one - other).max() <= _CONFIRMED)


def _candidates(
    model: keras.Model, classes: int, name: str
) -> Iterator[keras.Model]:
    """Cut a model before each activation of a name, the last one first."""
    places = [Place(model.outputs[0], (model,))]
    seen: set[int] = set()
    while places:
        place = places.pop(0)
        layer, given = sources(place)
        if id(place.tensor) in seen or not given:
            continue
        seen.add(id(place.tensor))
        places += given
        if _size(place.tensor) != classes or activation_of(layer) != name:
            continue
        before = given[0].tensor
        if not getattr(layer, "weights", []):
            yield _of_vectors(model, before)
        elif len(given) == 1:
            yield _of_vectors(model, _without_activation(layer, before))


def _without_activation(layer: Any, before: Tensor) -> Tensor:
    """Call a copy of a layer; Keras has no way to share its weights."""
    config = {**layer.get_config(), "activation": None}
    copy = type(layer).from_config({**config, "name": f"{layer.name}_logits"})
    output = copy(before)
    copy.set_weights(layer.get_weights())
    return output


def _logarithms(given: keras.Model) -> Ending:
    """Take logarithms of probabilities that no one softmax gave."""
    floor = keras.config.epsilon()
    logits = keras.ops.log(keras.ops.maximum(given.outputs[0], floor))
    model = keras.Model(given.inputs[0], logits, name=given.name)
    return Ending(given, model, "softmax", found=False)


def _of_one_unit(
    model: keras.Model, given: keras.Model, outputs: np.ndarray
) -> Ending:
    """Make two classes of one sigmoid unit: softmax of `(0, z)`."""
    found = _behind(model, given, outputs, "sigmoid")
    within = outputs.min() >= 0 and outputs.max() <= 1
    if not found and not (within and any(_candidates(model, 1, "sigmoid"))):
        return Ending(given, given, "linear")
    p = given.outputs[0]
    both = keras.ops.concatenate([1.0 - p, p], axis=-1)
    given = keras.Model(given.inputs[0], both, name=given.name)
    if found is None:
        return _logarithms(given)
    logits = keras.ops.pad(found.logits.outputs[0], [[0, 0], [1, 0]])
    two = keras.Model(given.inputs[0], logits, name=given.name)
    return Ending(given, two, "softmax")
