"""Files of another Keras load where they can, and are named elsewhere."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from atsc_keras.errors import InputError
from atsc_keras.models.loading import load_keras_file
from tests.models.saved import answers, edit, layer, save


def test_unknown_argument_is_named_unless_it_asks_for_nothing(
    tmp_path: Path,
) -> None:
    path = save(tmp_path / "m.keras")

    def asks(**own: Any) -> Callable[[Any], None]:
        return lambda config: layer(config, "conv")["config"].update(own)

    edit(path, asks(new=None, kernel_sharpener=None))
    assert load_keras_file(path).output_shape == (None, 3)
    edit(path, asks(new=5, other="x"), version="3.0.5")
    with pytest.raises(InputError) as error:
        load_keras_file(path)
    said = str(error.value)
    assert "layer 'conv' (Conv2D) has new=5, other='x'" in said
    assert "written by Keras 3.0.5" in said
    assert "without new, other, load its weights" in said
    edit(path, asks(), version="3.99.0")
    with pytest.raises(InputError, match=r"new=5.*Install keras==3\.99\.0"):
        load_keras_file(path)


def in_keras_2(config: Any) -> Any:
    """Write a config as Keras 2.15 does."""
    for found in config["config"]["layers"]:
        nodes = []
        for node in found["inbound_nodes"]:
            calls = [x["config"]["keras_history"] for x in node["args"]]
            for call in calls:
                call[1] += call[0] in ("inner", "sequence")
            nodes.append([[*call, {}] for call in calls])
        found["inbound_nodes"] = nodes
        if found["class_name"] == "BatchNormalization":
            found["config"]["axis"] = [3]
        if found["class_name"] == "DepthwiseConv2D":
            found["config"]["groups"] = 1
        if found["class_name"] == "Functional":
            in_keras_2(found)
    for side in ("input_layers", "output_layers"):
        ends = config["config"][side]
        if isinstance(ends[0], str):
            config["config"][side] = [ends]
        for end in config["config"][side]:
            end[1] += end[0] == "sequence"
    config["module"] = "keras.src.engine.functional"
    config["registered_name"] = "Functional"


@pytest.mark.parametrize("end", ["layer", "functional", "sequential"])
def test_functional_model_of_keras_2_loads(end: str, tmp_path: Path) -> None:
    features = keras.Input((4, 4, 3))
    x = keras.layers.DepthwiseConv2D(3)(features)
    x = keras.layers.BatchNormalization()(x)
    inner = keras.Model(features, x, name="inner")
    sequence = keras.Sequential(
        [keras.Input((2, 2, 3)), keras.layers.Flatten()], name="sequence"
    )
    images = keras.Input((4, 4, 3))
    x = inner(images)
    if end == "layer":
        x = keras.layers.Dense(3)(sequence(x))
    elif end == "sequential":
        x = sequence(x)
    else:
        vectors = keras.Input((12,))
        dense = keras.layers.Dense(2)(vectors)
        x = keras.Model(vectors, dense, name="last")(sequence(x))
    model = keras.Model(images, x)
    model.save(tmp_path / "m.keras")
    edit(tmp_path / "m.keras", in_keras_2, version="2.15.0")
    loaded = load_keras_file(tmp_path / "m.keras")
    np.testing.assert_allclose(answers(loaded), answers(model), rtol=1e-5)


@pytest.mark.parametrize("has_input", [True, False])
def test_sequence_of_keras_2_on_windows_loads(
    has_input: bool, tmp_path: Path
) -> None:
    def change(config: Any) -> None:
        layers = config["config"]["layers"]
        shape = layers[0]["config"].pop("batch_shape")
        for found in layers[:2]:
            found["config"]["batch_input_shape"] = shape
        if not has_input:
            layers.pop(0)

    images, conv = keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)
    inner = keras.Sequential([keras.Input((2, 2, 2)), keras.layers.Flatten()])
    model = keras.Sequential([images, conv, inner, keras.layers.Dense(3)])
    path = tmp_path / "m.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
        for name in list(file["layers"]):
            file.move(f"layers/{name}", f"layers\\{name}")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("config.json", "metadata.json", "model.weights.h5"):
            archive.write(tmp_path / name, name)
    edit(path, change, version="2.15.0")
    np.testing.assert_allclose(
        answers(load_keras_file(path)), answers(model), rtol=1e-5
    )


def test_operation_of_keras_2_is_named_with_its_layer(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        layer(config, "conv").update(
            class_name="TFOpLambda", module="keras.src.layers.core.tf_op_layer"
        )

    path = edit(save(tmp_path / "m.keras"), change, version="2.15.0")
    with pytest.raises(InputError) as error:
        load_keras_file(path)
    said = str(error.value)
    assert "layer 'conv' (TFOpLambda) is an operation" in said
    assert "Save it again" not in said
