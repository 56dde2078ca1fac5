"""What a file is made of is counted."""

from pathlib import Path
from typing import Any

import numpy as np

from export import FORMATS
from tests.export.models import SHAPE


def test_foldable_normalisation_left_in_a_file_is_caught(
    tmp_path: Path,
) -> None:
    import onnx
    from onnx import helper

    def graph(middle: list[Any]) -> Path:
        kernel = np.ones((2, 3, 1, 1), "float32")
        scale = np.full((1, 2, 1, 1), 0.5, "float32")
        channels = np.ones(2, "float32")
        tensors = {"k": kernel, "s": scale, "c": channels}
        proto = helper.make_graph(
            [
                helper.make_node(
                    "Transpose", ["image"], ["t"], perm=[0, 3, 1, 2]
                ),
                helper.make_node("Conv", ["t", "k"], ["a"]),
                *middle,
                helper.make_node("ReduceMax", ["b"], ["r"], keepdims=0),
            ],
            "g",
            [helper.make_tensor_value_info("image", 1, ["n", *SHAPE])],
            [helper.make_tensor_value_info("r", 1, [])],
            [onnx.numpy_helper.from_array(v, k) for k, v in tensors.items()],
        )
        path = tmp_path / "g.onnx"
        onnx.save(helper.make_model(proto), path)
        return path

    normal = helper.make_node(
        "BatchNormalization", ["a", "c", "c", "c", "c"], ["b"]
    )
    scaled = helper.make_node("Mul", ["a", "s"], ["b"])
    squared = helper.make_node("Mul", ["a", "a"], ["b"])
    shared = [
        helper.make_node("Relu", ["a"], ["d"]),
        helper.make_node("Mul", ["a", "s"], ["e"]),
        helper.make_node("Add", ["d", "e"], ["b"]),
    ]
    for middle, expected in (
        ([normal], 1),
        ([scaled], 1),
        ([squared], 0),
        (shared, 0),  # the convolution is needed unscaled too
    ):
        found = FORMATS["onnx"].operations(graph(middle))
        assert found.unfolded_batch_norms == expected
        assert found.transposes == 1
