"""TensorFlow reads every weight of a step before it moves that weight."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import keras
import pytest

from tests.tiny import batch, sgd, tiny_atsc

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the graph that is looked at is TensorFlow's",
)


def optimized_step(log_directory: Path, **settings: Any) -> list[Any]:
    """Nodes of a training step's graph as TensorFlow runs it."""
    import tensorflow as tf

    atsc = tiny_atsc(**settings)
    atsc.compile(optimizer=sgd(), metrics=["accuracy"], jit_compile=False)
    writer = tf.summary.create_file_writer(str(log_directory))
    with writer.as_default():
        tf.summary.trace_on(graph=True)
        atsc.train_on_batch(*batch())
        tf.summary.trace_export("step", step=0)
    (file,) = map(str, log_directory.iterdir())
    graphs = []
    for record in tf.data.TFRecordDataset(file):
        for value in tf.compat.v1.Event.FromString(
            record.numpy()
        ).summary.value:
            for serialized in value.tensor.string_val:
                trace = tf.compat.v1.RunMetadata.FromString(serialized)
                graphs += [
                    graph.post_optimization_graph
                    for graph in trace.function_graphs
                ]
    return list(max(graphs, key=lambda graph: len(graph.node)).node)


def ancestors(name: str, inputs: dict[str, list[str]]) -> set[str]:
    """Names of the nodes that must have run before this one."""
    found: set[str] = set()
    open_ends = [name]
    while open_ends:
        for source in inputs[open_ends.pop()]:
            if source not in found:
                found.add(source)
                open_ends.append(source)
    return found


@pytest.mark.parametrize(
    "settings",
    [{}, {"student_loss_weight": 1.0, "logits_loss_weight": 1.0}],
    ids=["metric", "terms"],
)
def test_no_weight_moves_before_all_have_read_it(
    tmp_path: Path, settings: dict[str, float]
) -> None:
    nodes = optimized_step(tmp_path, **settings)
    inputs = {
        node.name: [source.lstrip("^").split(":")[0] for source in node.input]
        for node in nodes
    }
    readers, movers = defaultdict(set), {}
    for node in nodes:
        if node.op == "ReadVariableOp":
            readers[node.input[0]].add(node.name)
        elif node.op == "AssignSubVariableOp":
            movers[node.input[0]] = node.name
    # Kernel and bias of the classifier: for the teacher and for the student.
    assert sum(len(readers[weight]) > 1 for weight in movers) >= 2
    for weight, mover in movers.items():
        assert readers[weight] <= ancestors(mover, inputs), weight
