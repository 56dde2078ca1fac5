"""What an export is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .formats import FORMATS
from .formats.base import OUTPUTS, Variant
from .verification import TOLERANCE


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
        overwrite: replace the files of the export that `out` holds; others
            stay.
    """

    model: Path
    out: Path
    variants: Sequence[Variant] = tuple(Variant(kind) for kind in FORMATS)
    outputs: Sequence[str] = OUTPUTS[:1]
    data: Path | None = None
    selection: Selection = Selection()
    class_names: Path | None = None
    compare: Sequence[Path] = ()
    tolerance: float = TOLERANCE
    threads: int = 1
    demo_page: Path | None = None
    runtime: Path | None = None
    overwrite: bool = False
