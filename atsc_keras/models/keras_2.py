"""A config that Keras 2 saved -> one that Keras 3 reads."""

from pathlib import Path
from typing import Any

import h5py

from atsc_keras.models.saved_config import Config, objects_in


def upgrade(config: Config) -> None:
    """Write a config of Keras 2 as Keras 3 does, in place.

    Its models lie in a module that is no more, its batch normalisations have
    a list for an axis, the first layer of a sequence has the input's shape,
    and it counts the calls of a model inside another from 1 on. Weights are
    found by class and order in both.
    """
    for found in objects_in(config):
        own = found["config"]
        if found["class_name"] == "Functional" and "module" in found:
            found.update(class_name="Model", module="keras")
            found["registered_name"] = None
        if found["class_name"] == "Sequential" and own.get("layers"):
            _add_input(own["layers"])
        shape = own.pop("batch_input_shape", None)
        if found["class_name"] == "InputLayer" and shape is not None:
            own["batch_shape"] = shape
        if found["class_name"] == "BatchNormalization":
            axis = own.get("axis")
            if isinstance(axis, list) and len(axis) == 1:
                own["axis"] = axis[0]
        if isinstance(own.get("layers"), list) and "output_layers" in own:
            _count_calls_from_0(own)
            for side in ("input_layers", "output_layers"):
                # One tensor is no list of one.
                if len(own[side]) == 1 and isinstance(own[side][0], list):
                    own[side] = own[side][0]


def _add_input(layers: list[Config]) -> None:
    shape = layers[0]["config"].get("batch_input_shape")
    if shape is not None and layers[0]["class_name"] != "InputLayer":
        layers.insert(
            0,
            {
                "module": "keras.layers",
                "class_name": "InputLayer",
                "config": {"batch_shape": shape},
                "registered_name": None,
            },
        )


def rename_groups(weights: Path) -> None:
    """Part the names of groups by slashes: Windows had backslashes there."""
    with h5py.File(weights, "r+") as file:
        for name in [name for name in file if "\\" in name]:
            file.move(name, name.replace("\\", "/"))


def _count_calls_from_0(model: Config) -> None:
    nested = {x["name"]: x for x in model["layers"] if "layers" in x["config"]}
    calls: dict[str, list[list[Any]]] = {name: [] for name in nested}
    _find_calls(
        [layer.get("inbound_nodes") for layer in model["layers"]], calls
    )
    first = {
        name: min((call[1] for call in found), default=1)
        for name, found in calls.items()
    }
    # Of a functional model Keras 3 counts outputs from 1 on, too.
    _find_calls(
        model["output_layers"],
        {
            k: v
            for k, v in calls.items()
            if "output_layers" not in nested[k]["config"]
        },
    )
    for name, found in calls.items():
        for call in found:
            call[1] -= first[name]


def _find_calls(nodes: Any, calls: dict[str, list[list[Any]]]) -> None:
    """Gather `[layer's name, number of the call, number of the tensor]`."""
    if isinstance(nodes, dict):
        nodes = [*nodes.values()]
    if not isinstance(nodes, list):
        return
    if len(nodes) >= 3 and isinstance(nodes[0], str):
        if nodes[0] in calls and isinstance(nodes[1], int):
            calls[nodes[0]].append(nodes)
        return
    for node in nodes:
        _find_calls(node, calls)
