"""What a model wants of its input, and files that take plain pixels."""

from pathlib import Path

import keras

from atsc_keras.errors import InputError, first_line
from atsc_keras.files.picture_folders import list_classes, list_pictures
from atsc_keras.files.pictures import common_form, read_npz
from atsc_keras.models.graphs import has_graph
from atsc_keras.models.input_checks import find_contradiction
from atsc_keras.models.inputs import with_plain_input

from .images import RealImages

MODEL = "--pixel-range"
COMPARED = "--compare-pixel-range"


def taking_plain_pixels(
    model: keras.Model,
    path: Path,
    pixels: str | None = None,
    size: tuple[int, int] | None = None,
    data: Path | None = None,
    option: str = MODEL,
) -> keras.Model:
    """Make a model take plain pixels, `(B, H, W, C)` of a known size.

    Args:
        model: as it was loaded.
        path: of its file, for messages.
        pixels: what it wants of them; default: plain ones, or what its own
            preprocessor makes.
        size: height and width, for a model of any; default: that of `data`.
        data: real images; default: none.
        option: what `pixels` came by.

    Raises:
        InputError: if a model of any size gets none, or `with_plain_input`
            refuses it.
    """
    plain = with_plain_input(model, pixels, permute=True, what=option)
    shape = plain.inputs[0].shape[1:] if has_graph(plain) else ()
    if len(shape) != 3 or None not in shape[:2]:
        return plain
    size = size or (_size_of(data) if data is not None else None)
    if size is None:
        raise InputError(
            "A model that takes images of any size must be given one. "
            f"Received: {path} for {tuple(shape)}. Add --image-size, such as "
            "224 or 224x160."
        )
    try:
        return with_plain_input(
            model, pixels, size=size, permute=True, what=option
        )
    except InputError:
        raise
    except Exception as error:  # layers raise anything
        raise InputError(
            "--image-size must be one that the model's layers can have. "
            f"Received: {size}, {path} ({first_line(error)}). Give a larger "
            "one."
        ) from error


def _size_of(data: Path) -> tuple[int, int] | None:
    """Tell the size of real images; None where they cannot be read."""
    if not data.is_dir():
        try:
            shape = read_npz(data)["x_test"].shape
        except (ValueError, KeyError):
            return None
        return (shape[1], shape[2]) if len(shape) > 2 else None
    folders = [data]
    if (data / "test").is_dir():
        parts = [data / "test", data / "train"]
        folders = [f for p in parts if p.is_dir() for f in list_classes(p)]
    pictures = [p for folder in folders for p in list_pictures(folder)]
    if not pictures:
        return None
    try:
        return common_form(pictures, None)[0]
    except InputError as error:
        raise InputError(
            "Images must have one size where a model takes any and "
            f"--image-size is not given. Received: {error} Add --image-size."
        ) from error


def check_pixels(
    model: keras.Model,
    path: Path,
    real: RealImages | None,
    quantized: bool,
    option: str = MODEL,
) -> str | None:
    """See that real images do not contradict what was not stated.

    Args:
        model: that is taken to want plain pixels.
        path: of its file.
        real: images, with labels or without; default: none, no check.
        quantized: whether any file gets whole numbers for weights.
        option: that states it.

    Returns:
        A note where they do; None where they do not.

    Raises:
        InputError: if they do, and a file would be calibrated by them.
    """
    if real is None:
        return None
    found = find_contradiction(model, real.test, real.labels)
    if found is None:
        return None
    way_out = (
        f"Add {option} {_quoted(found.example)}, or what it was trained on; "
        f"{option} 0..255 if that is right."
    )
    if not quantized:
        return (
            f"{path.name} seems not to take plain pixels, from 0 to 255: it "
            f"{found.seen}. {way_out}"
        )
    raise InputError(
        f"{option} must be stated where real images contradict that a model "
        "takes plain pixels, from 0 to 255, and a file is quantised by them. "
        f"Received: {path}, which {found.seen}. {way_out}"
    )


def _quoted(words: str) -> str:
    return f"'{words}'" if " " in words else words
