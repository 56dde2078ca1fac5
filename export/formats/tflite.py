"""TFLite, now LiteRT: built-in operations only, opened by ai_edge_litert."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from atsc_keras.records.exports import Operations

from .base import (
    CONTRACT,
    INPUT,
    LABELS,
    PRECISIONS,
    Outputs,
    Predict,
    Source,
    TracedFormat,
    Variant,
    check_inputs,
    refusal_of_resizing,
    silence,
)
from .operations import Operation, OperationNames, count_operations
from .saved_model import write_saved_model

_PACKAGES = {"tensorflow": "tensorflow", "ai_edge_litert": "ai-edge-litert"}
_OPERATIONS = OperationNames(
    transpose="TRANSPOSE",
    convolutions=frozenset(
        {
            *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"),
            "TRANSPOSE_CONV",
        }
    ),
    scalings=frozenset({"MUL", "DIV"}),
)


class TFLite(TracedFormat):
    """A TFLite file of a batch of one, which Python can resize."""

    name = "tflite"
    suffix = ".tflite"
    runtime = "ai_edge_litert"
    precisions = PRECISIONS  # TensorFlow quantises when it converts
    needs = dict.fromkeys(PRECISIONS, _PACKAGES)

    def refusal(self, layer: Any) -> str | None:
        import keras

        reason = super().refusal(layer) or refusal_of_resizing(layer)
        if reason is None and isinstance(layer, keras.layers.Resizing):
            if layer.interpolation not in ("bilinear", "nearest"):
                return (
                    "TFLite resizes bilinearly or to the nearest pixel only: "
                    "resize before the model, or use "
                    'interpolation="bilinear"'
                )
        return reason

    def write(self, source: Source, variant: Variant, path: Path) -> None:
        import tensorflow as tf

        # Batch 1: phones and browsers want it fixed; Python can resize it.
        saved = source.workspace / f"batch1_{variant.pixels}"
        if not saved.exists():
            write_saved_model(source, variant.pixels, saved, batch=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved), signature_keys=["serving_default"]
        )
        _set_precision(converter, source, variant)
        with silence():
            contract = source.contract(variant.pixels)
            path.write_bytes(_with_metadata(converter.convert(), contract))
        if source.class_names:
            # Where Android's task library looks for associated files.
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(LABELS, source.label_lines())

    def open(self, path: Path, threads: int) -> Predict:
        """Open with LiteRT, which has built-in operations only.

        The file's batch is 1; larger ones are run after resizing its input,
        or image by image where an operation (a Reshape) fixes the batch.
        """
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=threads)
        signature = interpreter.get_signature_runner("serving_default")
        check_inputs(signature.get_input_details())
        index = signature.get_input_details()[INPUT]["index"]
        outputs = {
            name: details["index"]
            for name, details in signature.get_output_details().items()
        }
        allocated: tuple[int, ...] = ()
        resizable = True

        def run(images: np.ndarray) -> Outputs:
            nonlocal allocated
            if images.shape != allocated:
                allocated = ()
                interpreter.resize_tensor_input(index, images.shape)
                interpreter.allocate_tensors()
                allocated = images.shape
            interpreter.set_tensor(index, images)
            interpreter.invoke()
            return {
                name: interpreter.get_tensor(output)
                for name, output in outputs.items()
            }

        def predict(images: np.ndarray) -> Outputs:
            nonlocal resizable
            if resizable or len(images) == 1:
                try:
                    return run(images)
                except RuntimeError:
                    if len(images) == 1:
                        raise
                    resizable = False
            parts = [run(image[None]) for image in images]
            return {
                name: np.concatenate([part[name] for part in parts])
                for name in outputs
            }

        return predict

    def operations(self, path: Path) -> Operations:
        from ai_edge_litert import schema_py_generated as schema

        names = {
            code: name
            for name, code in vars(schema.BuiltinOperator).items()
            if isinstance(code, int)
        }
        model = schema.ModelT.InitFromObj(
            schema.Model.GetRootAsModel(path.read_bytes(), 0)
        )
        graph = model.subgraphs[0]
        found = []
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            # Old files keep the code in a byte; new ones in both fields.
            builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
            custom = builtin == schema.BuiltinOperator.CUSTOM
            kind = (
                (code.customCode or b"").decode() if custom else names[builtin]
            )
            inputs, outputs = (
                tuple(str(index) for index in ([] if part is None else part))
                for part in (operator.inputs, operator.outputs)
            )
            found.append(Operation(kind, custom, inputs, outputs))
        sizes = {
            str(index): int(np.prod(tensor.shape))
            for index, tensor in enumerate(graph.tensors)
            if model.buffers[tensor.buffer].data is not None
        }
        return count_operations(found, sizes, _OPERATIONS)


def _with_metadata(model: bytes, contract: str) -> bytes:
    """Add what clients send and get to the metadata table of a file."""
    from ai_edge_litert import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils as files

    found = files.convert_bytearray_to_object(model)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(contract.encode())
    entry.name, entry.buffer = CONTRACT, len(found.buffers)
    found.buffers.append(buffer)
    found.metadata = [*(found.metadata or ()), entry]
    return files.convert_object_to_bytearray(found)


def _set_precision(converter: Any, source: Source, variant: Variant) -> None:
    """Built-in operations only, in the variant's precision."""
    import tensorflow as tf

    target = converter.target_spec
    target.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if variant.precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant.precision == "float16":
        target.supported_types = [tf.float16]
    if variant.precision == "int8":
        images = source.calibration_pixels(variant.pixels)
        target.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: (
            {INPUT: image[None]} for image in images
        )
