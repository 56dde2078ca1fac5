"""Do real images look to a network as plain pixels should?"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from atsc_keras.models.graphs import (
    Place,
    enter,
    has_graph,
    model_until,
    sources,
)
from atsc_keras.pixels import PLAIN, USUAL, Pixels

IMAGES = 128  # are looked at, at most
_BATCH = 32
# Numbers of the range that a network was trained on vary about as much as its
# first normalisation remembers (measured: a third to three times as much),
# those of a range that it was not, 50 to 255 times as much.
_EXPLODED = 16.0
_ALIKE = 4.0
# Better by so many images that chance hardly explains it, and by a tenth.
_DEVIATIONS = 4.0
_BETTER = 0.1


@dataclass(frozen=True)
class Contradiction:
    """What speaks against plain pixels.

    Attributes:
        seen: it, in words that follow the name of the model.
        better: what the network seems to want; None where nothing usual fits.
    """

    seen: str
    better: Pixels | None

    @property
    def example(self) -> str:
        """What to state, in all likelihood."""
        return "0..1" if self.better is None else self.better.name


def find_contradiction(
    model: keras.Model, images: np.ndarray, labels: np.ndarray | None = None
) -> Contradiction | None:
    """Look for what contradicts that a model takes pixels from 0 to 255.

    With labels: far more right answers on another usual range. Without, or
    where no range gives right answers: numbers at its first normalisation
    that vary 16 times as much as its moving statistics say, or more.

    Args:
        model: with a graph, of one input and one output, class scores or
            features.
        images: real ones, uint8 `(N, H, W, C)`; the first 128 count.
        labels: numbers of the model's classes, `(N,)`; default: none.

    Returns:
        What was found; None where nothing was, or nothing can be said: of
        a network that was never trained.
    """
    if "int" in model.inputs[0].dtype:
        return None  # they are what it takes
    images = images[:IMAGES]
    usual = _usual(images)
    name, times = _spreads(model, images, usual)
    if labels is not None and not _is_new(model):
        # A range that looks unlike its training is not what it wants.
        tried = [x for x in usual if x not in times or _is_alike(times[x])]
        known, found = _by_answers(model, images, labels[: len(images)], tried)
        if known:
            return found
    return _by_spread(name, times)


def _usual(images: np.ndarray) -> list[Pixels]:
    """List what networks of so many channels usually want."""
    channels = images.shape[-1]
    usual = [x for x in USUAL if x.channels in (None, channels)]
    if channels != 3:
        mean, std = (
            ",".join(f"{x:.3g}" for x in numbers)
            for numbers in (
                images.mean((0, 1, 2)),
                np.maximum(images.std((0, 1, 2)), 1),
            )
        )
        usual.append(Pixels.read(f"mean={mean} std={std}"))
    return usual


def _run(model: keras.Model, images: np.ndarray, pixels: Pixels) -> np.ndarray:
    """Compute a model's output on plain pixels, made what it may want."""
    given = images[..., ::-1] if pixels.bgr else images
    given = given * np.array(pixels.scale) + np.array(pixels.offset)
    outputs = model.predict(
        given.astype("float32"), batch_size=_BATCH, verbose=0
    )
    return np.asarray(keras.tree.flatten(outputs)[0], "float64")


# === With labels ===


def _by_answers(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    usual: Sequence[Pixels],
) -> tuple[bool, Contradiction | None]:
    """Count right answers; whether they say anything, and what."""
    right = {PLAIN: _right(model, images, labels, PLAIN)}
    # Far above guessing the largest class; the more so of few classes, which
    # a network that knows nothing may tell apart by luck.
    counts = np.unique(labels, return_counts=True)[1]
    guess = counts.max() / len(labels)
    enough = guess + (1 - guess) * min(max(0.2, 2 / len(counts)), 0.8)
    if right[PLAIN].mean() > max(enough, 1 - _BETTER):
        return True, None
    right |= {x: _right(model, images, labels, x) for x in usual}
    best = max(right, key=lambda x: float(right[x].mean()))
    if right[best].mean() < enough:
        return False, None
    gained = int((right[best] & ~right[PLAIN]).sum())
    lost = int((right[PLAIN] & ~right[best]).sum())
    clear = gained - lost >= _DEVIATIONS * math.sqrt(gained + lost)
    if gained - lost < _BETTER * len(labels) or not clear:
        return bool(right[PLAIN].mean() >= enough), None
    shares = ", ".join(
        f"{x.mean():.1%} with {_words(p)}" for p, x in right.items()
    )
    seen = f"is right on {shares} ({len(labels)} labelled images)"
    return True, Contradiction(seen, best)


def _right(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, pixels: Pixels
) -> np.ndarray:
    return _run(model, images, pixels).argmax(-1) == labels


def _words(pixels: Pixels) -> str:
    if pixels.name in ("densenet", "resnet50"):
        return f"those of {pixels.name}"
    return pixels.name


# === Without ===


def _by_spread(name: str, times: dict[Pixels, float]) -> Contradiction | None:
    """Hold the first activations against what a normalisation remembers."""
    if not times.get(PLAIN, 0) >= _EXPLODED:
        return None
    others = {x: y for x, y in times.items() if x is not PLAIN}
    best = min(others, key=lambda x: abs(math.log(max(others[x], 1e-9))))
    fits = _is_alike(others[best])
    seen = (
        f"gets numbers at its first normalisation, {name}, that vary "
        f"{times[PLAIN]:.3g} times as much as in its training"
    )
    if fits:
        seen += f" ({others[best]:.2g} times with {_words(best)})"
    return Contradiction(seen, best if fits else None)


def _is_alike(times: float) -> bool:
    return 1 / _ALIKE <= times <= _ALIKE


def _spreads(
    model: keras.Model, images: np.ndarray, usual: Sequence[Pixels]
) -> tuple[str, dict[Pixels, float]]:
    """How many times as much as in training numbers vary, for each range.

    Returns:
        Name of the first normalisation, and these; none where it remembers
        nothing.
    """
    first = _first_normalization(model)
    if first is None:
        return "", {}
    layer, before = first
    remembered = _remembered(layer)
    if remembered is None:
        return "", {}
    return layer.name, {
        x: _times(_run(before, images[:_BATCH], x), layer, *remembered)
        for x in (PLAIN, *usual)
    }


def _times(
    activations: np.ndarray, layer: Any, variance: np.ndarray, epsilon: float
) -> float:
    """How many times as much they vary, in the middle of all channels."""
    axis = layer.axis if isinstance(layer.axis, int) else -1
    others = tuple(
        x for x in range(activations.ndim) if x != axis % activations.ndim
    )
    spread = activations.var(others).reshape(-1)
    ratios = (spread + epsilon) / (variance.reshape(-1) + epsilon)
    return float(np.sqrt(np.median(ratios)))


def _remembered(layer: Any) -> tuple[np.ndarray, float] | None:
    """Variance in training, and what is added; None of a new layer."""
    if isinstance(layer, keras.layers.BatchNormalization):
        mean, variance = layer.moving_mean, layer.moving_variance
        epsilon = float(layer.epsilon)
    else:
        mean, variance = layer.mean, layer.variance
        epsilon = 1e-7
    if mean is None or variance is None:
        return None
    mean, variance = map(keras.ops.convert_to_numpy, (mean, variance))
    if not np.any(mean) and np.all(variance == 1):
        return None
    return variance.astype("float64"), epsilon


_NORMALIZING = (keras.layers.BatchNormalization, keras.layers.Normalization)


def _is_new(model: keras.Model) -> bool:
    """Whether no normalisation remembers anything, or the head is untrained.

    By the biases of dense layers, which begin at zero.
    """
    layers = list(_every(model))
    norms = [x for x in layers if isinstance(x, _NORMALIZING[0])]
    biases = [
        x.bias
        for x in layers
        if isinstance(x, keras.layers.Dense) and x.bias is not None
    ]
    return (bool(norms) and all(_remembered(x) is None for x in norms)) or (
        bool(biases)
        and not any(np.any(keras.ops.convert_to_numpy(x)) for x in biases)
    )


def _every(model: keras.Model) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _every(layer)


def _first_normalization(
    model: keras.Model,
) -> tuple[Any, keras.Model] | None:
    """Find a normalisation with none in front of it, and what leads there."""
    if not has_graph(model):
        return None
    first, place = None, Place(model.outputs[0], (model,))
    while (found := _normalization_before(place)) is not None:
        first, place = found
    if first is None:
        return None
    return first, model_until(place)


def _normalization_before(place: Place) -> tuple[Any, Place] | None:
    """Find any normalisation on the way to a place, and its own input."""
    seen, left = set(), [place]
    while left:
        place = left.pop()
        key = (id(place.tensor), *map(id, place.entries))
        if key in seen:
            continue
        seen.add(key)
        layer, given = sources(place)
        if isinstance(layer, _NORMALIZING) and len(given) == 1:
            return layer, given[0]
        if has_graph(layer) and len(given) == 1:
            given = [enter(layer, given[0])]
        left += given
    return None
