"""Saved models load, or one message says why not."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from atsc_keras.errors import InputError
from atsc_keras.models.loading import load_keras_file
from tests.models.saved import answers, edit, layer, save, tiny


def test_whole_file_gives_its_model(tmp_path: Path) -> None:
    model = load_keras_file(save(tmp_path / "m.keras"))
    assert model.output_shape == (None, 3)
    assert not model.compiled


@pytest.mark.parametrize("name", ["m.h5", "m.hdf5", "m.keras", "model"])
def test_hdf5_loads_whatever_its_name(name: str, tmp_path: Path) -> None:
    model = tiny()
    model.save(tmp_path / "saved.h5")
    path = (tmp_path / "saved.h5").rename(tmp_path / name)
    before = path.read_bytes()
    np.testing.assert_allclose(answers(load_keras_file(path)), answers(model))
    assert path.read_bytes() == before


def test_archive_loads_whatever_its_name(tmp_path: Path) -> None:
    path = save(tmp_path / "m.keras").rename(tmp_path / "m.zip")
    assert load_keras_file(path).output_shape == (None, 3)


def test_unusable_file_gets_one_message(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    whole = save(path).read_bytes()
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 255
    path.write_bytes(broken)
    with pytest.raises(InputError, match="which is damaged"):
        load_keras_file(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "no json" * 100)
    with pytest.raises(InputError, match="which is damaged") as error:
        load_keras_file(path)
    assert len(str(error.value)) < 600
    tiny().save(tmp_path / "m.h5")
    path.write_bytes((tmp_path / "m.h5").read_bytes()[:3000])
    with pytest.raises(InputError, match="which is damaged.*truncated"):
        load_keras_file(path)


def test_weights_alone_are_named_as_such(tmp_path: Path) -> None:
    tiny().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(InputError, match="weights alone.*load_weights"):
        load_keras_file(tmp_path / "m.weights.h5")


# === Names ===

ODD = ["Faltung [1]", "gro\xdf", "_x", "-", "\u5c42", "a b", "a-b:", "1", "a>b"]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_names_that_a_backend_refuses_load(suffix: str, tmp_path: Path) -> None:
    """Wherever a model was made: JAX and torch take any name."""
    images = keras.Input((4, 4, 3), name="images")
    inner_images = keras.Input((4, 4, 3), name="inner")
    inner = keras.layers.Conv2D(3, 3, padding="same", name="n0")(inner_images)
    nested = keras.Model(inner_images, inner, name="n1")
    shared = keras.layers.Conv2D(3, 1, name="n2")
    x = shared(nested(shared(nested(images))))
    for number in range(3, len(ODD)):
        x = keras.layers.Conv2D(3, 1, name=f"n{number}")(x)
    x = keras.layers.Flatten(name="n00")(x)  # "a_b", as another would become
    dense = keras.layers.Dense(3, name="n01")
    model = keras.Model(images, dense(x), name="n02")
    model.save(tmp_path / f"m{suffix}")
    names = {"n00": "a_b", "n01": "e\u0301: (2)", "n02": "Gr\xf6\xdfe (neu)"}
    names |= {f"n{number}": name for number, name in enumerate(ODD)}
    if suffix == ".keras":
        names["images"] = "my image"

    def renamed(config: Any) -> Any:
        if isinstance(config, dict):
            return {key: renamed(value) for key, value in config.items()}
        if isinstance(config, list):
            return [renamed(value) for value in config]
        return names.get(config, config) if isinstance(config, str) else config

    path = tmp_path / f"m{suffix}"
    if suffix == ".keras":
        edit(path, renamed)
    else:
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(renamed(config))
    loaded = load_keras_file(path)
    np.testing.assert_allclose(answers(loaded), answers(model), rtol=1e-5)
    found = [x.name for x in loaded.layers]
    assert "a_b" in found  # what is well named stays
    assert len(set(found)) == len(found)
    if keras.backend.backend() != "tensorflow":
        assert "Faltung [1]" in [x.name for x in loaded.layers[1].layers]


def test_slash_in_a_name_loads_on_every_backend(tmp_path: Path) -> None:
    def change(config: Any) -> None:
        layer(config, "conv")["config"]["name"] = "conv1/conv"

    path = edit(save(tmp_path / "m.keras"), change)
    assert [x.name for x in load_keras_file(path).layers][1] == "conv1_conv"


@keras.saving.register_keras_serializable("tests_loading")
class Mine(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_the_cause_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = keras.Input((4, 4, 3))
    path = tmp_path / "m.keras"
    keras.Model(images, Mine(name="own")(images)).save(path)
    registered = keras.saving.get_custom_objects()
    monkeypatch.delitem(registered, "tests_loading>Mine")
    with pytest.raises(InputError, match=r"'own' \(Mine\).*locate"):
        load_keras_file(path)
    code = keras.layers.Lambda(lambda x: 2 * x, name="code")
    keras.Model(images, code(images)).save(path)
    with pytest.raises(InputError, match=r"'code' \(Lambda\).*never run"):
        load_keras_file(path)

    def change(config: Any) -> None:
        layer(config, "dense")["config"]["units"] = 4

    edit(save(path), change)
    with pytest.raises(InputError, match="name=dense.*as it was written"):
        load_keras_file(path)


# === Precision ===


@pytest.mark.parametrize(
    "policy", ["mixed_float16", "bfloat16", keras.DTypePolicy("mixed_bfloat16")]
)
def test_any_precision_is_read_as_float32(policy: Any, tmp_path: Path) -> None:
    images = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 3, dtype=policy)(images)
    dense = keras.layers.Dense(2, dtype=policy)
    x = keras.layers.TimeDistributed(dense, dtype=policy)(x)
    keras.Model(images, x).save(tmp_path / "m.keras")

    def by_name(config: Any) -> None:
        """As Keras 3.0 wrote policies."""
        for found in config["config"]["layers"]:
            if isinstance(own := found["config"].get("dtype"), dict):
                found["config"]["dtype"] = own["config"]["name"]

    for change in (lambda config: None, by_name):
        path = edit(tmp_path / "m.keras", change)
        model = load_keras_file(path, as_float32=True)
        assert {x.dtype for x in model.weights} == {"float32"}
        assert {x.compute_dtype for x in model.layers} == {"float32"}


def test_lora_becomes_part_of_the_kernel(tmp_path: Path) -> None:
    model = tiny()
    dense = model.get_layer("dense")
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.ones(dense.lora_kernel_b.shape))
    model.save(tmp_path / "m.keras")
    loaded = load_keras_file(tmp_path / "m.keras")
    np.testing.assert_allclose(answers(loaded), answers(model), rtol=1e-5)
    assert len(loaded.get_layer("dense").weights) == 2
    assert loaded.get_layer("dense").kernel.trainable


def test_model_of_a_library_loads_where_nobody_imported_it(
    tmp_path: Path,
) -> None:
    hub = pytest.importorskip("keras_hub")
    path = tmp_path / "m.keras"
    backbone = hub.models.ViTBackbone(
        (8, 8, 3),
        patch_size=4,
        num_layers=1,
        num_heads=1,
        hidden_dim=4,
        mlp_dim=4,
    )
    hub.models.ViTImageClassifier(backbone, num_classes=3).save(path)
    code = (
        "import sys; from pathlib import Path\n"
        "from atsc_keras.models.loading import load_keras_file\n"
        "assert 'keras_hub' not in sys.modules\n"
        f"load_keras_file(Path({str(path)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
