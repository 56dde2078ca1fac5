"""The three converters: a model -> files that their own runtimes open."""

import contextlib
import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .formats import Variant
from .multiply_adds import count_multiply_adds
from .runtimes import INPUT, OUTPUT

# The newest at which tf2onnx leaves no Transpose but the input's own.
ONNX_OPSET = 17
LABELS = "labels.txt"  # in a TFLite file and a SavedModel, a line a class


class Converter:
    """Writes the variants of one model.

    Args:
        model: the classifier, float32, ending in logits.
        workspace: folder for what several variants are made from.
        outputs: of "logits", "probabilities" and "label"; default: logits.
        class_names: kept inside every file; default: none.
        calibration: uint8 images `(N, H, W, C)` that set the ranges of int8
            activations; default: none, and then no int8.
    """

    def __init__(
        self,
        model: keras.Model,
        workspace: Path,
        *,
        outputs: Sequence[str] = (OUTPUT,),
        class_names: list[str] | None = None,
        calibration: np.ndarray | None = None,
    ) -> None:
        self._model = model
        self._workspace = workspace
        self._outputs = tuple(outputs)
        self._class_names = class_names
        self._calibration = calibration

    def write(self, variant: Variant, path: Path) -> None:
        """Write one file, or the folder of a SavedModel.

        Raises:
            Exception: of any kind, from the converters.
        """
        writers = {
            "saved_model": self._write_saved_model,
            "tflite": self._write_tflite,
            "onnx": self._write_onnx,
        }
        writers[variant.format](variant, path)

    def multiply_adds(self) -> int:
        """Of one image."""
        return count_multiply_adds(self._traced(1, "float32").graph)

    # === SavedModel ===

    def _write_saved_model(
        self, variant: Variant, path: Path, batch: int | None = None
    ) -> None:
        # Without `track()`, which would write every weight twice.
        archive = keras.export.ExportArchive()
        archive.add_endpoint(
            "predict",  # a name that TFLite's converter keeps, unlike "serve"
            self._endpoint(),
            input_signature=[self._signature(batch, variant.pixels)],
        )
        archive.write_out(path, verbose=False)
        if self._class_names:
            extra = path / "assets.extra"
            extra.mkdir()
            (extra / LABELS).write_text(self._label_lines(), "utf-8")

    def _endpoint(self) -> Callable[[Any], dict[str, Any]]:
        model, dtype = self._model, self._model.inputs[0].dtype

        def run(image: Any) -> dict[str, Any]:
            # `training=False` said aloud: exporters trace without it, and
            # random layers would stay active in the file.
            logits = model(tf.cast(image, dtype), training=False)
            every = {
                "logits": logits,
                "probabilities": tf.nn.softmax(logits),
                "label": tf.argmax(logits, -1, output_type=tf.int32),
            }
            return {name: every[name] for name in self._outputs}

        return run

    def _signature(self, batch: int | None, pixels: str) -> tf.TensorSpec:
        shape = (batch, *self._model.inputs[0].shape[1:])
        return tf.TensorSpec(shape, pixels, name=INPUT)

    def _traced(self, batch: int | None, pixels: str) -> Any:
        with _inlined_functions():
            return tf.function(self._endpoint()).get_concrete_function(
                self._signature(batch, pixels)
            )

    def _label_lines(self) -> str:
        return "".join(f"{name}\n" for name in self._class_names or ())

    # === TFLite ===

    def _write_tflite(self, variant: Variant, path: Path) -> None:
        # Batch 1: phones and browsers want it fixed; Python can resize it.
        source = self._workspace / f"batch1_{variant.pixels}"
        if not source.exists():
            self._write_saved_model(variant, source, batch=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(source), signature_keys=["serving_default"]
        )
        self._set_precision(converter, variant)
        with _silence():
            path.write_bytes(converter.convert())
        if self._class_names:
            # Where Android's task library looks for associated files.
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(LABELS, self._label_lines())

    def _set_precision(self, converter: Any, variant: Variant) -> None:
        """Built-in operations only, in the variant's precision."""
        target = converter.target_spec
        target.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if variant.precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant.precision == "float16":
            target.supported_types = [tf.float16]
        if variant.precision == "int8":
            images = self._calibration_pixels(variant)
            target.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.representative_dataset = lambda: (
                {INPUT: image[None]} for image in images
            )

    def _calibration_pixels(self, variant: Variant) -> np.ndarray:
        if self._calibration is None:
            raise ValueError("int8 needs images to calibrate by")
        return self._calibration.astype(variant.pixels)

    # === ONNX ===

    def _write_onnx(self, variant: Variant, path: Path) -> None:
        import onnx

        from . import onnx_graphs

        source = self._workspace / f"float32_{variant.pixels}.onnx"
        if not source.exists():
            onnx.save(self._onnx_graph(variant.pixels), source)
        if variant.precision == "float16":
            proto = onnx_graphs.in_float16(source)
        elif variant.precision == "int8":
            images = self._calibration_pixels(variant)
            proto = onnx_graphs.in_int8(source, INPUT, images)
        else:
            proto = onnx.load(source)
        if self._class_names:
            onnx.helper.set_model_props(
                proto, {"labels": json.dumps(self._class_names)}
            )
        onnx.checker.check_model(proto)
        onnx.save(proto, path)

    def _onnx_graph(self, pixels: str) -> Any:
        import tf2onnx

        from . import onnx_graphs

        function = self._traced(None, pixels)
        # The outputs of a traced dictionary are in the order of its keys.
        names = [INPUT, *sorted(self._outputs)]
        with _silence():
            # tf2onnx would make an input of every constant not frozen.
            frozen = _frozen(function)
            tensors = [x.name for x in (frozen.inputs[0], *frozen.outputs)]
            proto, _ = tf2onnx.convert.from_graph_def(
                frozen.graph.as_graph_def(),
                input_names=tensors[:1],
                output_names=tensors[1:],
                opset=ONNX_OPSET,
                tensors_to_rename=dict(zip(tensors, names, strict=True)),
                custom_op_handlers={"Erfc": (_complement_of_erf, [])},
            )
        for value in (*proto.graph.input, *proto.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
        return onnx_graphs.simplified(proto)


def _frozen(function: Any) -> Any:
    from tensorflow.python.framework import convert_to_constants

    return convert_to_constants.convert_variables_to_constants_v2(function)


def _complement_of_erf(context: Any, node: Any, name: str, _: Any) -> None:
    """Write `Erfc`, of an exact GELU, as 1 - Erf: ONNX has no other."""
    dtype = context.get_dtype(node.output[0])
    shape = context.get_shape(node.output[0])
    one = context.make_const(f"{name}_one", np.float32(1))
    inputs, outputs = list(node.input), list(node.output)
    context.remove_node(node.name)
    erf = context.make_node("Erf", inputs, dtypes=[dtype], shapes=[shape])
    context.make_node(
        "Sub",
        [one.output[0], erf.output[0]],
        name=name,
        outputs=outputs,
        dtypes=[dtype],
        shapes=[shape],
    )


@contextlib.contextmanager
def _inlined_functions() -> Iterator[None]:
    """Trace inner functions in place.

    Keras wraps grouped convolutions in a compiled function, which tf2onnx
    leaves as a call that no runtime knows.
    """
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep converters' progress off the terminal; errors still raise."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            with contextlib.redirect_stderr(io.StringIO()):
                yield
    finally:
        logger.setLevel(level)
