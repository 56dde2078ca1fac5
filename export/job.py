"""What an export is asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atsc_keras.errors import InputError, shortened

from .formats import FORMATS
from .formats.base import OUTPUTS, Variant
from .verification import TOLERANCE

MOST_PIXELS = 8192  # a side


def read_size(text: str) -> tuple[int, int]:
    """Read `--image-size`: N, or HxW.

    Raises:
        InputError: if it is neither.
    """
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text)
    sides = [int(x or match[1]) for x in match.groups()] if match else [0]
    if 0 in sides or max(sides) > MOST_PIXELS:
        raise InputError(
            "--image-size must be a number of pixels, or height x width, of "
            f"at most {MOST_PIXELS}. "
            f"Received: {shortened(text)!r}. Write, for example, 224 or "
            "224x160."
        )
    return sides[0], sides[1]


@dataclass(frozen=True)
class Selection:
    """How many images to take, and which.

    Attributes:
        test: images to compare on, at most; default 500.
        calibration: training images to calibrate by, at most; default 200.
        seed: of the random choice; default 0.
    """

    test: int = 500
    calibration: int = 200
    seed: int = 0

    def choose(self, total: int, count: int) -> np.ndarray:
        """Draw indices of `count` of `total` things, in ascending order."""
        random = np.random.default_rng(self.seed)
        count = min(count, total)
        return np.sort(random.choice(total, count, replace=False))


@dataclass(frozen=True)
class ExportJob:
    """One export.

    Attributes:
        model: a `.keras` file of stock layers.
        out: folder to make: `saved_model/`, `<stem>.tflite`, `<stem>.onnx`
            and the same in other precisions; `export_report.json` and `.md`;
            with class names, `labels.json`.
        variants: files to write; default: float32 in every format.
        outputs: of "logits", "probabilities" and "label"; logits always.
        pixel_range: what the model wants of its pixels, where it does not
            scale them itself, such as "0..1"; it becomes a layer of every
            file. Default: plain pixels, 0 to 255, unless real images
            contradict that.
        compare_pixel_range: likewise, of the files of `compare`.
        image_size: (height, width), for a model of any size; default: that of
            `data`.
        evaluation_resize: short side to which pictures were resized before
            the centre was cut out, in tests of the model; the files say so.
            Default: none, no cut.
        data: real images, as `load_images` reads them; int8 needs them;
            default: none.
        selection: how many of them; default: 500 to compare, 200 to
            calibrate.
        class_names: JSON list of the classes' names, put into the files too;
            default: none.
        compare: other `.keras` files, exported the same way to
            `out/<stem>/`, for the report only; default: none.
        tolerance: difference of a float32 logit from Keras's, default 1e-4;
            a tenth of it more for each unit of the largest logit.
        threads: of the runtimes while they are timed; default 1.
        demo_page: folder of a web page to make, which runs the ONNX file, if
            every file was accepted; default: none.
        runtime: folder `dist` of onnxruntime-web, for the page; default:
            fetched with npm.
        overwrite: replace the export that `out` holds; refused where it holds
            anything else.
    """

    model: Path
    out: Path
    variants: Sequence[Variant] = tuple(Variant(kind) for kind in FORMATS)
    outputs: Sequence[str] = OUTPUTS[:1]
    pixel_range: str | None = None
    compare_pixel_range: str | None = None
    image_size: tuple[int, int] | None = None
    evaluation_resize: int | None = None
    data: Path | None = None
    selection: Selection = Selection()
    class_names: Path | None = None
    compare: Sequence[Path] = ()
    tolerance: float = TOLERANCE
    threads: int = 1
    demo_page: Path | None = None
    runtime: Path | None = None
    overwrite: bool = False
