"""The three converters: a model -> a file that its own runtime opens."""

import contextlib
import io
import json
import logging
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

INPUT = "image"
OUTPUT = "logits"
# The newest at which tf2onnx leaves no Transpose but the input's own.
ONNX_OPSET = 17


def _endpoint(model: keras.Model) -> Callable[[Any], dict[str, Any]]:
    # `training=False` said aloud: exporters trace without it, and random
    # layers would stay active in the file.
    return lambda image: {OUTPUT: model(image, training=False)}


def _signature(model: keras.Model, batch: int | None) -> tf.TensorSpec:
    shape = (batch, *model.inputs[0].shape[1:])
    return tf.TensorSpec(shape, tf.float32, name=INPUT)


def write_saved_model(
    model: keras.Model, path: Path, batch: int | None = None
) -> None:
    """Write a SavedModel folder.

    Its signature `serving_default` maps float32 `image` to `logits`.

    Args:
        model: the classifier.
        path: of the folder.
        batch: size of a batch; default: any.
    """
    # Without `track()`, which would write every weight twice.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        "predict",  # a name that TFLite's converter keeps, unlike "serve"
        _endpoint(model),
        input_signature=[_signature(model, batch)],
    )
    archive.write_out(path, verbose=False)


def write_tflite(model: keras.Model, path: Path) -> None:
    """Write a TFLite file of built-in operations, batch 1.

    Phones and browsers want a fixed batch; Python's interpreter can resize.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(model, Path(folder), batch=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serving_default"]
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        with _silence():
            path.write_bytes(converter.convert())


def write_onnx(
    model: keras.Model, path: Path, class_names: list[str] | None = None
) -> None:
    """Write an ONNX file of any batch size.

    Args:
        model: the classifier.
        path: of the file.
        class_names: kept in the file's metadata as JSON under `labels`.
    """
    import onnx
    import tf2onnx
    from tensorflow.python.framework import convert_to_constants

    with _inlined_functions():
        function = tf.function(_endpoint(model)).get_concrete_function(
            _signature(model, None)
        )
    with _silence():
        # tf2onnx would make an input of every constant that is not frozen.
        frozen = convert_to_constants.convert_variables_to_constants_v2(
            function
        )
        proto, _ = tf2onnx.convert.from_graph_def(
            frozen.graph.as_graph_def(),
            input_names=[frozen.inputs[0].name],
            output_names=[frozen.outputs[0].name],
            opset=ONNX_OPSET,
            tensors_to_rename={
                frozen.inputs[0].name: INPUT,
                frozen.outputs[0].name: OUTPUT,
            },
        )
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    if class_names:
        onnx.helper.set_model_props(proto, {"labels": json.dumps(class_names)})
    onnx.checker.check_model(proto)
    onnx.save(proto, path)


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
