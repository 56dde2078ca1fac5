"""What a format is; without any framework until it writes or opens a file."""

import contextlib
import io
import json
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from atsc_keras.records.exports import Operations

from .opened import Opened

PRECISIONS = ("float32", "float16", "dynamic", "int8")
PIXELS = ("float32", "uint8")
OUTPUTS = ("logits", "probabilities", "label")
INPUT = "image"
OUTPUT = "logits"
LABELS = "labels.txt"  # in a TFLite file and a SavedModel, a line a class
CONTRACT = "atsc_contract"  # key of ONNX and TFLite metadata, name of a file
_COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Variant:
    """One file to write.

    Attributes:
        format: of `FORMATS`.
        precision: of `PRECISIONS`: of weights and, but for "dynamic", of
            activations too. Logits are float32 always.
        pixels: dtype of the input, of `PIXELS`.
    """

    format: str
    precision: str = "float32"
    pixels: str = "float32"

    @property
    def quantized(self) -> bool:
        """Whether weights are whole numbers."""
        return self.precision in ("dynamic", "int8")


@dataclass(frozen=True)
class Source:
    """A model to write files of.

    Attributes:
        model: the classifier, a Keras model in float32, ending in logits.
        workspace: folder for what several variants are made from.
        outputs: of `OUTPUTS`; default: logits.
        class_names: kept inside every file; default: none.
        calibration: uint8 images `(N, H, W, C)` that set the ranges of int8
            activations; default: none, and then no int8.
        normalizes_to: what layers inside make of plain pixels, where that was
            stated; default: not stated.
        evaluation_resize: short side to which pictures are resized before the
            centre is cut out; default: no cut.
    """

    model: Any
    workspace: Path
    outputs: Sequence[str] = (OUTPUT,)
    class_names: Sequence[str] | None = None
    calibration: np.ndarray | None = None
    normalizes_to: str | None = None
    evaluation_resize: int | None = None

    def contract(self, pixels: str) -> str:
        """Write down, as JSON, what clients send and get.

        Args:
            pixels: dtype of the input.
        """
        height, width, channels = self.model.inputs[0].shape[1:]
        image = {
            "name": INPUT,
            "dtype": pixels,
            "layout": "NHWC",
            "height": height,
            "width": width,
            "channels": _COLOURS.get(channels, str(channels)),
            "range": [0, 255],
            "normalization": self.normalizes_to or "inside, if any",
        }
        if self.evaluation_resize is not None:
            image["short_side"] = self.evaluation_resize  # then the centre
        return json.dumps({"input": image, "outputs": list(self.outputs)})

    def answer(self, image: Any) -> dict[str, Any]:
        """Compute the wanted outputs of images `(B, H, W, C)`, to be traced."""
        import tensorflow as tf

        # `training=False` said aloud: exporters trace without it, and random
        # layers would stay active in the file.
        dtype = self.model.inputs[0].dtype
        logits = self.model(tf.cast(image, dtype), training=False)
        every = {
            "logits": logits,
            "probabilities": tf.nn.softmax(logits),
            "label": tf.argmax(logits, -1, output_type=tf.int32),
        }
        return {name: every[name] for name in self.outputs}

    def signature(self, batch: int | None, pixels: str) -> Any:
        """TensorFlow's description of the input; a batch of None is any."""
        import tensorflow as tf

        shape = (batch, *self.model.inputs[0].shape[1:])
        return tf.TensorSpec(shape, pixels, name=INPUT)

    def traced(self, pixels: str) -> Any:
        """`answer` of any batch as TensorFlow's, inner functions in place.

        Keras wraps grouped convolutions in a compiled function, which tf2onnx
        leaves as a call that no runtime knows.
        """
        import tensorflow as tf

        before = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(True)
        try:
            return tf.function(self.answer).get_concrete_function(
                self.signature(None, pixels)
            )
        finally:
            tf.config.run_functions_eagerly(before)

    def calibration_pixels(self, pixels: str) -> np.ndarray:
        """Images that set ranges, in the dtype of the input.

        Raises:
            ValueError: if there are none.
        """
        if self.calibration is None:
            raise ValueError("int8 needs images to calibrate by")
        return self.calibration.astype(pixels)

    def label_lines(self) -> str:
        """Class names, a line each."""
        return "".join(f"{name}\n" for name in self.class_names or ())


class Format(ABC):
    """A kind of file, with the runtime that opens it."""

    name: ClassVar[str]
    """Its word on the command line and in reports."""
    suffix: ClassVar[str]
    """Of its files; empty where it is a folder, which has the format's name."""
    runtime: ClassVar[str]
    """The module that opens its files."""
    precisions: ClassVar[tuple[str, ...]]
    """Those of `PRECISIONS` that it has; float32 always."""
    needs: ClassVar[Mapping[str, Mapping[str, str]]]
    """For each precision the modules it needs, and the packages with them."""

    def file_name(self, variant: Variant, stem: str) -> str:
        """Such as `student.onnx` or `student_int8_from_uint8.tflite`."""
        parts = [stem if self.suffix else self.name]
        if variant.precision != "float32":
            parts.append(variant.precision)
        if variant.pixels != "float32":
            parts.append(f"from_{variant.pixels}")
        return "_".join(parts) + self.suffix

    def refusal(self, layer: Any) -> str | None:
        """Say why it cannot have a layer, and the way out.

        What is not known here is either converted, or found by the proof.

        Args:
            layer: of Keras, with no layers inside.

        Returns:
            The reason; default: None, it can have every layer.
        """
        return None

    @abstractmethod
    def write(self, source: Source, variant: Variant, path: Path) -> None:
        """Write one file, or folder, with all that `source` asks for.

        Its one input is `image`, in the variant's dtype; of its outputs the
        logits are the first.

        Raises:
            Exception: of any kind, from the converters.
        """

    @abstractmethod
    def open(self, path: Path, threads: int) -> Opened:
        """Open a file, of any origin, with its own runtime, on the CPU.

        Args:
            path: of the file.
            threads: of the runtime.

        Returns:
            The file, as a function: images -> outputs by their names.

        Raises:
            Exception: of any kind, from the runtimes.
        """

    def operations(self, path: Path) -> Operations | None:
        """Count what a file is made of; see `count_operations`.

        Returns:
            None where the format does not tell.
        """
        return None


class TracedFormat(Format):
    """A format that is made of what TensorFlow traces."""

    def refusal(self, layer: Any) -> str | None:
        """Say why TensorFlow cannot trace a layer; see `Format.refusal`."""
        import keras

        adaptive = (
            keras.layers.AdaptiveAveragePooling2D,
            keras.layers.AdaptiveMaxPooling2D,
        )
        if isinstance(layer, adaptive) and 1 in tuple(layer.output_size):
            return (
                "TensorFlow cannot trace adaptive pooling to a size of 1: use "
                "GlobalAveragePooling2D or GlobalMaxPooling2D (keepdims=True)"
            )
        return None


def refusal_of_resizing(layer: Any) -> str | None:
    """Say why TFLite and ONNX cannot have a layer that resizes, if so."""
    import keras

    if isinstance(layer, keras.layers.Resizing) and layer.antialias:
        return (
            "resizing with antialias=True has no operation in this format: "
            "resize before the model, or use antialias=False"
        )
    return None


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep converters' progress and advice quiet; errors still raise."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        logger.setLevel(level)
