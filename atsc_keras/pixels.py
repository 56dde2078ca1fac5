"""What a network wants of its pixels, in words: `0..1`, `mean=... std=...`.

Standard library only: a config is checked before any framework is loaded.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atsc_keras.errors import InputError

_BRIGHTEST = 255.0
_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_BGR = "bgr"
_ORDERS = ("rgb", _BGR)
# What `preprocess_input` of keras.applications does; which family has which
# form is not public there. Names without case and underscores.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red
_FORMS = {
    "caffe": r"vgg(16|19)|resnet(50|101|152)?",
    "torch": r"densenet(121|169|201)?",
    "-1..1": r"resnet(50|101|152)?v2|mobilenet(v2)?|xception|inceptionv3"
    r"|inceptionresnetv2|nasnet(mobile|large)?",
    "0..255": r"mobilenetv3(small|large)?|efficientnet(b[0-7])?"
    r"|efficientnetv2(b[0-3]|[sml])?|convnext(tiny|small|base|x?large)?",
}
FAMILIES = (
    *("convnext", "densenet", "efficientnet", "efficientnet_v2"),
    *("inception_resnet_v2", "inception_v3", "mobilenet", "mobilenet_v2"),
    *("mobilenet_v3", "nasnet", "resnet", "resnet50", "resnet_v2", "vgg16"),
    *("vgg19", "xception"),
)
_EXAMPLES = (
    "Write 0..1, -1..1, 'mean=123.7,116.3,103.5 std=58.4,57.1,57.4' (in units "
    "of 0 to 255, 'bgr' behind it where blue comes first), or a family of "
    "keras.applications, such as resnet50."
)


class PixelsMistake(ValueError):
    """What is wrong with a statement, in two sentences.

    Attributes:
        rule: what must hold, as in "must be ...".
        way_out: what to write instead.
    """

    def __init__(self, rule: str, way_out: str = _EXAMPLES) -> None:
        super().__init__(f"{rule}. {way_out}")
        self.rule = rule
        self.way_out = way_out


@dataclass(frozen=True)
class Pixels:
    """What a network takes in place of plain pixels: `scale * x + offset`.

    Attributes:
        name: as it was stated.
        scale: factor of a pixel from 0 to 255, one number, or one a channel.
        offset: added then, likewise.
        bgr: whether the channels come in the order blue, green, red; scale
            and offset are in that order.
    """

    name: str
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    bgr: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether these are plain pixels, RGB from 0 to 255."""
        same = set(self.scale) == {1.0} and set(self.offset) == {0.0}
        return same and not self.bgr

    @property
    def channels(self) -> int | None:
        """How many it is for; None for any number."""
        count = max(len(self.scale), len(self.offset))
        return 3 if self.bgr else None if count == 1 else count

    @classmethod
    def read(cls, stated: Any, what: str = "pixels") -> "Pixels":
        """Read a statement.

        Args:
            stated: a range such as `0..255`, `0..1` or `-1..1`; `mean=R,G,B
                std=R,G,B` in units of 0 to 255, or a mapping of `mean` and
                `std`; `bgr` behind either (`order: bgr` in a mapping) where
                blue comes first; or the family of keras.applications whose
                `preprocess_input` it is, such as `resnet50`.
            what: how a message calls it.

        Raises:
            InputError: if it is none of these.
        """
        try:
            return read_pixels(stated)
        except PixelsMistake as found:
            raise InputError(
                f"`{what}` {found.rule}. Received: {stated!r}. {found.way_out}"
            ) from found


def read_pixels(stated: Any) -> Pixels:
    """Read as `Pixels.read` does.

    Raises:
        PixelsMistake: if it is no statement.
    """
    if isinstance(stated, Pixels):
        return stated
    if isinstance(stated, Mapping):
        return _of_mean(dict(stated))
    if not isinstance(stated, str) or not stated.split():
        raise PixelsMistake("must be text, or a mapping of mean and std")
    first, *others = stated.replace(";", " ").split()
    if "=" in first:
        pairs = [word.split("=", 1) for word in (first, *others) if "=" in word]
        given: dict[str, Any] = {key: x.split(",") for key, x in pairs}
        rest = [word for word in others if "=" not in word]
        if rest:
            given["order"] = " ".join(rest)
        return _of_mean(given)
    order = _order(" ".join(others) or "rgb")
    match = _RANGE.fullmatch(first)
    if match is None:
        if others:
            raise PixelsMistake("must be a family alone, which says its order")
        return _of_family(first)
    low, high = float(match[1]), float(match[2])
    if not low < high:
        raise PixelsMistake("must go from a smaller to a larger number")
    name = f"{low:g}..{high:g}" + (f" {_BGR}" if order else "")
    return Pixels(name, ((high - low) / _BRIGHTEST,), (low,), order)


def _order(word: Any) -> bool:
    if not isinstance(word, str) or word.lower() not in _ORDERS:
        raise PixelsMistake(f"must have its channels as {' or '.join(_ORDERS)}")
    return word.lower() == _BGR


def _of_mean(given: dict[str, Any]) -> Pixels:
    unknown = given.keys() - {"mean", "std", "order"}
    if unknown or "mean" not in given:
        raise PixelsMistake("must have mean, std and, if need be, order")
    mean = _numbers("mean", given["mean"])
    std = _numbers("std", given.get("std", [1.0]))
    order = _order(given.get("order", "rgb"))
    if len({1, len(mean), len(std)}) > 2:
        raise PixelsMistake("must have as many numbers in mean as in std")
    if min(std) <= 0:
        raise PixelsMistake("must have a std greater than 0")
    if max(map(abs, mean)) <= 1 and max(std) <= 1 and (any(mean) or std[0] < 1):
        raise PixelsMistake(
            "must have mean and std in units of 0 to 255",
            "Multiply them by 255: "
            f"'{_text([255 * m for m in mean], [255 * s for s in std], order)}'"
            ".",
        )
    count = max(len(mean), len(std))
    mean, std = (x * count if len(x) == 1 else x for x in (mean, std))
    return Pixels(
        _text(mean, std, order),
        tuple(1 / s for s in std),
        tuple(-m / s for m, s in zip(mean, std, strict=True)),
        order,
    )


def _numbers(key: str, given: Any) -> tuple[float, ...]:
    listed = given if isinstance(given, list | tuple) else [given]
    try:
        numbers = tuple(float(x) for x in listed if not isinstance(x, bool))
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != len(listed) or not numbers:
        raise PixelsMistake(f"must have numbers in {key}, one a channel")
    if not all(abs(x) < float("inf") for x in numbers):
        raise PixelsMistake(f"must have finite numbers in {key}")
    return numbers


def _text(mean: Sequence[float], std: Sequence[float], bgr: bool) -> str:
    parts = ((f"{x:.10g}" for x in numbers) for numbers in (mean, std))
    words = "mean={} std={}".format(*map(",".join, parts))
    return f"{words} {_BGR}" if bgr else words


def _of_family(word: str) -> Pixels:
    name = word.removeprefix("keras.applications").strip("./")
    name = name.removesuffix(".preprocess_input")
    plain = name.lower().replace("_", "")
    form = next((k for k, x in _FORMS.items() if re.fullmatch(x, plain)), None)
    if form is None:
        near = difflib.get_close_matches(
            name.lower(), (*FAMILIES, "0..255", "0..1", "-1..1"), cutoff=0.0
        )
        raise PixelsMistake(
            "must be a range, mean and std, or a family of keras.applications",
            f"Did you mean {' or '.join(near[:2])}? {_EXAMPLES}",
        )
    if form == "caffe":
        offset = tuple(-m for m in _CAFFE_MEAN)
        return Pixels(name, (1.0,) * 3, offset, bgr=True)
    if form == "torch":
        pairs = list(zip(_IMAGENET_MEAN, _IMAGENET_STD, strict=True))
        scale = tuple(1 / (_BRIGHTEST * s) for _, s in pairs)
        return Pixels(name, scale, tuple(-m / s for m, s in pairs))
    found = read_pixels(form)
    return Pixels(name, found.scale, found.offset)


PLAIN = Pixels("0..255")
# What networks usually want, to be tried on one of which nothing is known.
USUAL = tuple(map(read_pixels, ("0..1", "-1..1", "densenet", "resnet50")))
