"""A linear ONNX classifier without any framework, computed by hand too."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.formats.base import CONTRACT

SHAPE = (6, 4, 3)
CLASSES = 4
NAMES = ["ant", "bee", "cat", "dog"]


def weights(shape: tuple[int, ...]) -> np.ndarray:
    """Of a Dense layer on all pixels; logits come to a few units."""
    random = np.random.default_rng(3)
    kernel = random.normal(size=(int(np.prod(shape)), CLASSES))
    return (kernel / 255).astype("float32")


def logits(images: np.ndarray) -> np.ndarray:
    """What the file must give, in float64."""
    rows = images.reshape(len(images), -1).astype("float64")
    return rows @ weights(images.shape[1:]).astype("float64")


def write_linear_onnx(
    path: Path,
    *,
    shape: tuple[Any, ...] = SHAPE,
    kind: int = TensorProto.FLOAT,
    batch: Any = "batch",
    names: tuple[str, str] = ("image", "logits"),
    labels: list[str] | None = None,
    short_side: int | None = None,
    external: bool = False,
) -> Path:
    """Write image -> Cast -> Flatten -> MatMul -> logits."""
    image, output = names
    known = tuple(s if isinstance(s, int) else 1 for s in shape)
    nodes = [
        helper.make_node("Cast", [image], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["f"], ["row"], axis=1),
        helper.make_node("MatMul", ["row", "kernel"], [output]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(image, kind, [batch, *shape])],
        [
            helper.make_tensor_value_info(
                output, TensorProto.FLOAT, [batch, CLASSES]
            )
        ],
        [onnx.numpy_helper.from_array(weights(known), "kernel")],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    said: dict[str, Any] = {}
    if labels is not None:
        said["labels"] = labels
    if short_side is not None:
        said[CONTRACT] = {"input": {"short_side": short_side}}
    helper.set_model_props(model, {k: json.dumps(x) for k, x in said.items()})
    onnx.save(
        model,
        path,
        save_as_external_data=external,
        location="weights.bin" if external else None,
        size_threshold=0,
    )
    return path
