"""How much a traced function multiplies."""

import math
from typing import Any


def count_multiply_adds(graph: Any) -> int:
    """Multiply-adds of convolutions and matrix products, as in the literature.

    Along TensorFlow's graph, not Keras's as in training: other people's
    layers compute inside what Keras's graph shows as one.

    Args:
        graph: of TensorFlow, traced with a batch of one and inner functions
            in place.

    Returns:
        Those of one image; normalisation, activations and pooling not
        counted.
    """
    return sum(_of_operation(op) for op in graph.get_operations())


def _of_operation(op: Any) -> int:
    """Size of what is computed, times what is summed for each number."""
    if op.type not in _SUMMED:
        return 0
    if op.type == "Conv2DBackpropInput":  # of its input, the other way round
        return math.prod(op.inputs[2].shape) * _SUMMED[op.type](op)
    return math.prod(op.outputs[0].shape) * _SUMMED[op.type](op)


def _of_kernel(op: Any) -> int:
    # A grouped kernel already spans the inputs of one group only.
    return math.prod(op.inputs[1].shape[:3])


def _of_depthwise_kernel(op: Any) -> int:
    return math.prod(op.inputs[1].shape[:2])


def _of_matrix(op: Any) -> int:
    name = "transpose_a" if op.type == "MatMul" else "adj_x"
    return int(op.inputs[0].shape[-2 if op.get_attr(name) else -1])


def _of_einsum(op: Any) -> int:
    """The sizes of the letters that the output does not have."""
    equation = op.get_attr("equation").decode()
    terms, output = equation.replace("...", "").split("->")
    sizes = {
        letter: int(size)
        for term, tensor in zip(terms.split(","), op.inputs, strict=True)
        # From the right: an ellipsis comes first.
        for letter, size in zip(
            reversed(term), reversed(tensor.shape), strict=False
        )
    }
    return math.prod(
        size for letter, size in sizes.items() if letter not in output
    )


_SUMMED = {
    "Conv2D": _of_kernel,
    "Conv2DBackpropInput": _of_kernel,
    "DepthwiseConv2dNative": _of_depthwise_kernel,
    "MatMul": _of_matrix,
    "BatchMatMulV2": _of_matrix,
    "Einsum": _of_einsum,
}
