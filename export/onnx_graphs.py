"""An ONNX graph in less precision, or with fewer operations."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx


def in_float16(source: Path) -> onnx.ModelProto:
    """Read a float32 graph in float16; inputs and outputs stay as they are."""
    from onnxconverter_common import float16

    return float16.convert_float_to_float16(
        onnx.load(source),
        keep_io_types=True,
        # The converter loses track of the types around these.
        op_block_list=[
            *float16.DEFAULT_OP_BLOCK_LIST,
            *("Cast", "Softmax", "ArgMax"),
        ],
    )


def in_int8(
    source: Path, input_name: str, calibration: np.ndarray
) -> onnx.ModelProto:
    """Read a float32 graph with int8 weights and activations, as QDQ pairs.

    Both are signed, weights with a scale for each channel: unsigned ones
    saturate in the 16-bit sums of processors without VNNI.

    Args:
        source: the ONNX file.
        input_name: of the graph.
        calibration: images `(N, H, W, C)` that set the ranges of the
            activations, of the input's dtype.

    Returns:
        The graph.
    """
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        ready, quantized = Path(folder, "a.onnx"), Path(folder, "b.onnx")
        quant_pre_process(source, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready,
            quantized,
            _Reader(input_name, calibration),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        return onnx.load(quantized)


class _Reader:
    """Images one by one, as onnxruntime's calibration asks for them."""

    def __init__(self, input_name: str, images: np.ndarray) -> None:
        self._feeds = iter([{input_name: image[None]} for image in images])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def simplified(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Let onnxruntime finish what tf2onnx's optimiser leaves.

    A hard swish stops that optimiser (a MobileNetV3 keeps 106 transpositions
    of 320 operations, of which two are needed), and it folds no batch
    normalisation that follows a convolution with a bias.

    Args:
        proto: a float32 graph.

    Returns:
        It, or an equal graph with fewer operations, all of the standard.
    """
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


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Quiet what onnxruntime's quantisation recommends in the log."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
