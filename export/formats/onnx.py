"""ONNX, opened by onnxruntime."""

import contextlib
import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atsc_keras.records.exports import Operations

from .base import (
    CONTRACT,
    INPUT,
    Source,
    TracedFormat,
    Variant,
    refusal_of_resizing,
    silence,
)
from .opened import Form, Opened, Outputs, read_contract
from .operations import Operation, OperationNames, count_operations

if TYPE_CHECKING:
    from onnx import ModelProto

_LABELS = "labels"  # a JSON list in the metadata
# The newest at which tf2onnx leaves no Transpose but the input's own.
_OPSET = 17
_PACKAGES = {
    **{"tensorflow": "tensorflow", "tf2onnx": "tf2onnx"},
    **{"onnx": "onnx", "onnxruntime": "onnxruntime"},
}
_DTYPES = {"float": "float32", "double": "float64"}  # onnxruntime's: numpy's
_OPERATIONS = OperationNames(
    transpose="Transpose",
    convolutions=frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"}),
    scalings=frozenset({"Mul", "Div"}),
    normalizations=frozenset({"BatchNormalization"}),
)


class ONNX(TracedFormat):
    """An ONNX file of any batch, of operations of the standard."""

    name = "onnx"
    suffix = ".onnx"
    runtime = "onnxruntime"
    # No "dynamic": onnxruntime's is slower than its float32.
    precisions = ("float32", "float16", "int8")
    needs = {
        **dict.fromkeys(precisions, _PACKAGES),
        "float16": {
            **_PACKAGES,
            "onnxconverter_common": "onnxconverter-common",
        },
    }

    def refusal(self, layer: Any) -> str | None:
        return super().refusal(layer) or refusal_of_resizing(layer)

    def write(self, source: Source, variant: Variant, path: Path) -> None:
        import onnx

        plain = source.workspace / f"float32_{variant.pixels}.onnx"
        if not plain.exists():
            onnx.save(_converted(source, variant.pixels), plain)
        if variant.precision == "float16":
            proto = _in_float16(plain)
        elif variant.precision == "int8":
            proto = _in_int8(plain, source.calibration_pixels(variant.pixels))
        else:
            proto = onnx.load(plain)
        said = {CONTRACT: source.contract(variant.pixels)}
        if source.class_names:
            said[_LABELS] = json.dumps(source.class_names)
        onnx.helper.set_model_props(proto, said)
        onnx.checker.check_model(proto)
        onnx.save(proto, path)

    def open(self, path: Path, threads: int) -> Opened:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        inputs = {x.name: _form(x) for x in session.get_inputs()}
        outputs = {x.name: _form(x) for x in session.get_outputs()}

        def run(images: np.ndarray) -> Outputs:
            given = dict.fromkeys(inputs, images)
            return dict(zip(outputs, session.run(None, given), strict=True))

        said = session.get_modelmeta().custom_metadata_map
        return Opened(
            inputs,
            outputs,
            run,
            read_contract(said.get(CONTRACT)),
            _names(said.get(_LABELS, "")),
        )

    def operations(self, path: Path) -> Operations:
        import onnx

        graph = onnx.load(path).graph
        found = [
            Operation(
                node.op_type,
                node.domain not in ("", "ai.onnx"),
                tuple(node.input),
                tuple(node.output),
            )
            for node in graph.node
        ]
        sizes = {x.name: int(np.prod(x.dims)) for x in graph.initializer}
        return count_operations(found, sizes, _OPERATIONS)


def _form(value: Any) -> Form:
    """Tell what an input or output is, as onnxruntime describes it."""
    word = value.type.removeprefix("tensor(").removesuffix(")")
    shape = (size if isinstance(size, int) else None for size in value.shape)
    return Form(_DTYPES.get(word, word), tuple(shape))


def _names(text: str) -> list[str] | None:
    try:
        names = json.loads(text)
    except ValueError:
        return None
    return [str(name) for name in names] if isinstance(names, list) else None


# === From TensorFlow ===


def _converted(source: Source, pixels: str) -> "ModelProto":
    """Make a float32 graph of any batch."""
    import tf2onnx

    function = source.traced(pixels)
    # The outputs of a traced dictionary are in the order of its keys.
    names = [INPUT, *sorted(source.outputs)]
    tensors = [x.name for x in (function.inputs[0], *function.outputs)]
    with silence():
        # `convert.from_function` would make an input of every constant.
        frozen = tf2onnx.tf_loader.from_function(
            function, tensors[:1], tensors[1:]
        )
        proto, _ = tf2onnx.convert.from_graph_def(
            frozen,
            input_names=tensors[:1],
            output_names=tensors[1:],
            opset=_OPSET,
            tensors_to_rename=dict(zip(tensors, names, strict=True)),
            custom_op_handlers={"Erfc": (_complement_of_erf, [])},
        )
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return _simplified(proto)


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


def _simplified(proto: "ModelProto") -> "ModelProto":
    """Let onnxruntime finish what tf2onnx's optimiser leaves.

    A hard swish stops that optimiser (a MobileNetV3 keeps 106 transpositions
    of 320 operations, of which two are needed), and it folds no batch
    normalisation that follows a convolution with a bias.

    Args:
        proto: a float32 graph.

    Returns:
        It, or an equal graph with fewer operations, all of the standard.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "simplified.onnx")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        )
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            proto.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
        simple = onnx.load(path)
    # Without the domains that onnxruntime has and the graph does not use.
    del simple.opset_import[:]
    simple.opset_import.extend(proto.opset_import)
    standard = all(node.domain in ("", "ai.onnx") for node in simple.graph.node)
    fewer = len(simple.graph.node) < len(proto.graph.node)
    return simple if standard and fewer else proto


# === In less precision ===


def _in_float16(source: Path) -> "ModelProto":
    """Read a float32 graph in float16; inputs and outputs stay as they are."""
    import onnx
    from onnxconverter_common import float16

    proto = onnx.load(source)
    if any(node.op_type == "Loop" for node in proto.graph.node):
        raise ValueError(
            "a loop (of a GRU, SimpleRNN or ConvLSTM) has no float16 form: "
            "build the layer with unroll=True, or take float32"
        )
    # The converter loses track of the types around these. By their names: of
    # kinds it would take the casts too that it adds, without end.
    lost = ("Cast", "Softmax", "ArgMax", "IsInf", "IsNaN")
    return float16.convert_float_to_float16(
        proto,
        keep_io_types=True,
        node_block_list=[x.name for x in proto.graph.node if x.op_type in lost],
    )


def _in_int8(source: Path, calibration: np.ndarray) -> "ModelProto":
    """Read a float32 graph with int8 weights and activations, as QDQ pairs.

    Both are signed, weights with a scale for each channel: unsigned ones
    saturate in the 16-bit sums of processors without VNNI.

    Args:
        source: the ONNX file.
        calibration: images `(N, H, W, C)` that set the ranges of the
            activations, of the input's dtype.

    Returns:
        The graph.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        ready, quantized = Path(folder, "a.onnx"), Path(folder, "b.onnx")
        quant_pre_process(source, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready,
            quantized,
            _Reader(calibration),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        return onnx.load(quantized)


class _Reader:
    """Images one by one, as onnxruntime's calibration asks for them."""

    def __init__(self, images: np.ndarray) -> None:
        self._feeds = iter([{INPUT: image[None]} for image in images])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Quiet what onnxruntime's quantisation recommends in the log."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
