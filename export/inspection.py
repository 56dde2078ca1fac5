"""What operations a file is made of, and which should not be there."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class _Operation:
    """One node of a graph.

    Attributes:
        kind: name of the operation, in capitals in TFLite.
        custom: whether only some runtimes know it.
        inputs: names of the tensors that it reads.
        outputs: names of the tensors that it writes.
    """

    kind: str
    custom: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


_CONVOLUTIONS = {
    *("Conv", "ConvTranspose", "Gemm", "MatMul"),
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"),
}
_SCALINGS = {"Mul", "Div", "MUL", "DIV"}
_NORMALIZATIONS = {"BatchNormalization"}


def operations(kind: str, path: Path) -> dict[str, Any] | None:
    """Count what a file is made of.

    Args:
        kind: format of the file.
        path: of the file.

    Returns:
        For TFLite and ONNX: `count`; `custom`, names of operations that are
        not of the standard (Flex operations too); `transposes`; and
        `unfolded_batch_norms`, those that follow a convolution of whose
        weights they could be a part. None for other formats.
    """
    if kind == "onnx":
        found, sizes = _of_onnx(path)
    elif kind == "tflite":
        found, sizes = _of_tflite(path)
    else:
        return None
    kinds = Counter(operation.kind for operation in found)
    return {
        "count": len(found),
        "custom": sorted({x.kind for x in found if x.custom}),
        "transposes": kinds["Transpose"] + kinds["TRANSPOSE"],
        "unfolded_batch_norms": sum(_unfolded(found, sizes)),
    }


def _unfolded(found: list[_Operation], sizes: dict[str, int]) -> Iterator[bool]:
    """Whether each operation scales the channels of a convolution alone."""
    producers = {name: op for op in found for name in op.outputs}
    readers = Counter(name for op in found for name in op.inputs)
    for operation in found:
        scaled = operation.kind in _NORMALIZATIONS or (
            operation.kind in _SCALINGS
            # By a constant of each channel; a number alone is an activation's.
            and any(sizes.get(name, 1) > 1 for name in operation.inputs)
        )
        yield scaled and any(
            name in producers
            and producers[name].kind in _CONVOLUTIONS
            and readers[name] == 1
            for name in operation.inputs
        )


def _of_onnx(path: Path) -> tuple[list[_Operation], dict[str, int]]:
    import onnx

    graph = onnx.load(path).graph
    found = [
        _Operation(
            node.op_type,
            node.domain not in ("", "ai.onnx"),
            tuple(node.input),
            tuple(node.output),
        )
        for node in graph.node
    ]
    sizes = {x.name: int(np.prod(x.dims)) for x in graph.initializer}
    return found, sizes


def _of_tflite(path: Path) -> tuple[list[_Operation], dict[str, int]]:
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
        kind = (code.customCode or b"").decode() if custom else names[builtin]
        inputs, outputs = (
            tuple(str(index) for index in ([] if part is None else part))
            for part in (operator.inputs, operator.outputs)
        )
        found.append(_Operation(kind, custom, inputs, outputs))
    sizes = {
        str(index): int(np.prod(tensor.shape))
        for index, tensor in enumerate(graph.tensors)
        if model.buffers[tensor.buffer].data is not None
    }
    return found, sizes
