"""A file of any format as a function: pictures -> probabilities of classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atsc_keras.errors import InputError, first_line
from atsc_keras.files.model_files import check_model_file
from atsc_keras.packages import is_installed
from atsc_keras.pixels import PLAIN, Pixels

from .formats import FORMATS
from .formats.base import OUTPUT, Format
from .formats.opened import Form, Opened
from .verification import softmax

FILE = "`FILE`"
_CHANNELS = (1, 3, 4)
_WHOLE = ("uint8", "int8")  # dtypes that take a byte a pixel
_FLOATS = ("float32", "float16", "float64")
_THREADS = 2
_PROBES = 4  # images of noise
_SUM = 1e-3  # by which probabilities may miss 1, in half precision
_STEP = 1 / 512  # half the step of a probability in a byte
_WAY_OUT = "Give the `.keras` file that it was made from, or export that."


@dataclass(frozen=True)
class Classifier:
    """What tells which class a picture is of.

    Attributes:
        shape: `(height, width, channels)` of a picture.
        classes: how many it tells apart.
        answer: plain pixels, uint8 `(N, H, W, C)` -> probabilities, float64
            `(N, classes)`.
        doubt: the same pixels -> a note where it may want others; None where
            all is well.
        class_names: that the file carries; default: none.
        short_side: that pictures are resized to before the centre is cut out,
            where the file says so.
    """

    shape: tuple[int, ...]
    classes: int
    answer: Callable[[np.ndarray], np.ndarray]
    doubt: Callable[[np.ndarray], str | None]
    class_names: Sequence[str] | None = None
    short_side: int | None = None


def find_format(path: Path) -> Format | None:
    """Tell the format of a file by its name, and see that it can be opened.

    Args:
        path: of the file, or of the folder of a SavedModel.

    Returns:
        The format; None of a Keras model.

    Raises:
        InputError: if nothing is there, it is of another kind, or the
            runtime of its format is not installed.
    """
    if (path / "saved_model.pb").is_file():
        kind = FORMATS["saved_model"]
    else:
        suffixes = {x.suffix: x for x in FORMATS.values() if x.suffix}
        if path.suffix.lower() not in suffixes or not path.is_file():
            check_model_file(
                path, f"{FILE}, unless named `.onnx` or `.tflite`,"
            )
            return None
        kind = suffixes[path.suffix.lower()]
    if not is_installed(kind.runtime):
        package = kind.needs["float32"][kind.runtime]
        raise InputError(
            f"The package that opens {FILE} must be installed. Received: "
            f"{path} without {package}. Run `pip install {package}`."
        )
    return kind


def open_classifier(
    path: Path,
    kind: Format | None,
    pixels: str | None = None,
    size: tuple[int, int] | None = None,
    trusted: bool = False,
) -> Classifier:
    """Open a classifier of any format.

    Args:
        path: of the file.
        kind: as `find_format` tells it.
        pixels: what it wants of them; default: plain ones, or what the file
            itself says.
        size: height and width, for a file that takes any.
        trusted: whether a Keras model is known to take plain pixels; default:
            pictures may contradict that.

    Raises:
        InputError: if it cannot be opened, or is no classifier of images.
    """
    if kind is None:
        return _of_keras(path, pixels, size, trusted or pixels is not None)
    try:
        opened = kind.open(path, _THREADS)
    except Exception as error:  # runtimes raise anything
        raise InputError(
            f"{FILE} must be a whole {kind.name} file that {kind.runtime} "
            f"opens. Received: {path} ({first_line(error)}). Copy it again "
            "from where it is whole, or export it again."
        ) from error
    if opened.contract is not None and OUTPUT in opened.outputs:
        return _of_ours(path, opened, pixels)
    return _of_others(path, opened, pixels, size)


# === Keras ===


def _of_keras(
    path: Path,
    pixels: str | None,
    size: tuple[int, int] | None,
    trusted: bool,
) -> Classifier:
    from atsc_keras.processes import prepare_frameworks

    prepare_frameworks()
    from atsc_keras.models.endings import answers

    from .images import RealImages
    from .loading import load_classifier
    from .model_input import check_pixels

    ending = load_classifier(path, pixels, size, what=FILE)
    model = ending.given
    shape, dtype = tuple(model.input_shape[1:]), model.inputs[0].dtype
    if shape[-1] not in _CHANNELS:
        raise _refusal(path, f"which takes pictures {shape}")

    def answer(images: np.ndarray) -> np.ndarray:
        given = answers(model, images.astype(dtype))
        if ending.activation == "linear":
            return softmax(given)
        return given.astype("float64")

    def doubt(images: np.ndarray) -> str | None:
        real = RealImages(images, None, None)
        return None if trusted else check_pixels(model, path, real, False)

    return Classifier(shape, model.output_shape[-1], answer, doubt)


# === Files of formats ===


def _of_ours(path: Path, opened: Opened, pixels: str | None) -> Classifier:
    """Take a file at its word."""
    (form,) = opened.inputs.values()
    if pixels is not None and not Pixels.read(pixels).is_plain:
        raise InputError(
            "`--pixel-range` is for a file that does not say what it wants. "
            f"Received: {pixels}, {path}, which says that it takes plain "
            "pixels, from 0 to 255. Leave it out."
        )

    def answer(images: np.ndarray) -> np.ndarray:
        return softmax(_run(path, opened, images.astype(form.dtype))[OUTPUT])

    shape = tuple(size or 0 for size in form.shape[1:])
    classes = opened.outputs[OUTPUT].shape[-1] or 0
    return Classifier(
        *(shape, classes, answer, lambda _: None),
        *(opened.class_names, opened.short_side),
    )


def _of_others(
    path: Path,
    opened: Opened,
    pixels: str | None,
    size: tuple[int, int] | None,
) -> Classifier:
    """See by its answers to noise what a file of other origin gives."""
    wanted = Pixels.read(pixels or PLAIN.name, "--pixel-range")
    form = _image_form(path, opened, size)
    shape = tuple(size or 0 for size in form.shape[1:])
    if wanted.channels not in (None, shape[-1]) or not (
        wanted.is_plain or form.dtype in _FLOATS
    ):
        raise InputError(
            "`--pixel-range` must fit what the file takes. Received: "
            f"{pixels}, {path} for {form.dtype} of {shape[-1]} channels. Give "
            "a number a channel; leave it out where bytes are taken."
        )

    def scores(images: np.ndarray) -> np.ndarray:
        if form.dtype == "int8":
            # A byte of its own for each brightness, from black on.
            given = images.astype("int16") - 128
        else:
            given = images[..., ::-1] if wanted.bgr else images
            if not wanted.is_plain:
                given = given * np.array(wanted.scale) + wanted.offset
        found = _run(path, opened, given.astype(form.dtype))[output]
        return found.reshape(len(images), -1).astype("float64")

    output = _output_of_classes(path, opened)
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (_PROBES, *shape)).astype("uint8")
    noise[: _PROBES // 2] //= 4
    probed = scores(noise)
    classes = probed.shape[-1]
    in_bytes = opened.outputs[output].dtype in _WHOLE
    gives_probabilities = _are_probabilities(path, probed, in_bytes)

    def answer(images: np.ndarray) -> np.ndarray:
        found = scores(images)
        return found if gives_probabilities else softmax(found)

    def doubt(images: np.ndarray) -> str | None:
        if pixels is not None or form.dtype in _WHOLE:
            return None
        return (
            f"{path} does not say what it wants of pixels, and gets them "
            "plain, from 0 to 255. If it was trained on others, add "
            "--pixel-range, such as 0..1."
        )

    return Classifier(shape, classes, answer, doubt, opened.class_names)


def _run(
    path: Path, opened: Opened, images: np.ndarray
) -> dict[str, np.ndarray]:
    """Run a file on images, in batches of its own size where it has one."""
    (form,) = opened.inputs.values()
    batch = form.shape[0] or len(images)
    parts: list[dict[str, np.ndarray]] = []
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        full = np.resize(part, (batch, *images.shape[1:]))  # the last one too
        try:
            found = opened(full)
        except Exception as error:  # runtimes raise anything
            reason = f"which fails on them ({first_line(error)})"
            raise _refusal(path, reason) from error
        parts.append({name: x[: len(part)] for name, x in found.items()})
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }


def _image_form(
    path: Path, opened: Opened, size: tuple[int, int] | None
) -> Form:
    """Tell what the one input takes; of any size, that which is given."""
    if len(opened.inputs) != 1:
        raise _refusal(path, f"with the inputs {', '.join(opened.inputs)}")
    ((name, form),) = opened.inputs.items()
    shape, dtype = form.shape, form.dtype
    if len(shape) == 4 and shape[3] in _CHANNELS and None in shape[1:3]:
        if size is None:
            raise InputError(
                "A file that takes images of any size must be given one. "
                f"Received: {path} for {[*shape]}. Add --image-size, such as "
                "224 or 224x160."
            )
        shape = (shape[0], *size, shape[3])
    known = len(shape) == 4 and None not in shape[1:]
    if not known or shape[3] not in _CHANNELS:
        raise _refusal(path, f"whose input {name} has the shape {[*shape]}")
    if dtype not in (*_FLOATS, *_WHOLE):
        raise _refusal(path, f"whose input {name} is of {dtype}")
    return Form(dtype, shape)


def _output_of_classes(path: Path, opened: Opened) -> str:
    if len(opened.outputs) > 1 and OUTPUT not in opened.outputs:
        raise _refusal(path, f"with the outputs {', '.join(opened.outputs)}")
    first = next(iter(opened.outputs))
    return OUTPUT if OUTPUT in opened.outputs else first


def _are_probabilities(path: Path, scores: np.ndarray, in_bytes: bool) -> bool:
    """Tell probabilities from logits.

    Raises:
        InputError: if they are neither.
    """
    count = scores.shape[-1]
    if count < 2:
        raise _refusal(path, "which gives one number a picture")
    if scores.min() < 0 or scores.max() > 1:
        return False
    missed = np.abs(scores.sum(-1) - 1).max()
    if missed <= _SUM + (count * _STEP if in_bytes else 0):
        return True
    raise _refusal(
        path,
        "whose scores lie between 0 and 1 and do not sum to 1: several "
        "labels a picture",
    )


def _refusal(path: Path, received: Any) -> InputError:
    return InputError(
        f"{FILE} must take pictures (batch, height, width, channels) of 1, 3 "
        "or 4 channels, in floats or bytes, and tell which one class each is "
        f"of. Received: {path}, {received}. {_WAY_OUT}"
    )
