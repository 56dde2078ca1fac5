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
    Source,
    TracedFormat,
    Variant,
    refusal_of_resizing,
    silence,
)
from .opened import Form, Opened, Outputs, read_contract, read_lines
from .operations import Operation, OperationNames, count_operations
from .saved_model import write_saved_model

_SIGNATURE = "serving_default"
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
            str(saved), signature_keys=[_SIGNATURE]
        )
        _set_precision(converter, source, variant)
        with silence():
            contract = source.contract(variant.pixels)
            path.write_bytes(_with_metadata(converter.convert(), contract))
        if source.class_names:
            # Where Android's task library looks for associated files.
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(LABELS, source.label_lines())

    def open(self, path: Path, threads: int) -> Opened:
        """Open with LiteRT, which has built-in operations only.

        The file's batch is 1; larger ones are run after resizing its input,
        or image by image where an operation (a Reshape) fixes the batch.
        Outputs in whole numbers are scaled back to those they stand for.
        """
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=threads)
        inputs, outputs = _details(interpreter)
        index = next(iter(inputs.values()))["index"]
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
                name: _scaled_back(interpreter.get_tensor(x["index"]), x)
                for name, x in outputs.items()
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

        return Opened(
            {name: _form(details) for name, details in inputs.items()},
            {name: _form(details) for name, details in outputs.items()},
            predict,
            read_contract(_contract(path)),
            _names(path),
        )

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


# === What a file says of itself ===


def _details(interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Get what LiteRT says of inputs and outputs, by their names.

    Those of the signature that TensorFlow writes; the tensors' own, where a
    file has none.
    """
    if _SIGNATURE in interpreter.get_signature_list():
        signature = interpreter.get_signature_runner(_SIGNATURE)
        return signature.get_input_details(), signature.get_output_details()
    inputs, outputs = (
        {x["name"]: x for x in details}
        for details in (
            interpreter.get_input_details(),
            interpreter.get_output_details(),
        )
    )
    return inputs, outputs


def _form(details: dict[str, Any]) -> Form:
    sizes = map(int, details["shape_signature"])
    return Form(
        np.dtype(details["dtype"]).name,
        tuple(size if size >= 0 else None for size in sizes),
    )


def _scaled_back(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    if not scale:
        return values
    return (values.astype("float32") - zero) * np.float32(scale)


def _contract(path: Path) -> bytes | None:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(path.read_bytes(), 0)
    entries = (model.Metadata(x) for x in range(model.MetadataLength()))
    for entry in entries:
        if entry.Name() == CONTRACT.encode():
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy())
    return None


def _names(path: Path) -> list[str] | None:
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        if LABELS not in archive.namelist():
            return None
        return read_lines(archive.read(LABELS).decode("utf-8"))


# === Writing ===


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
