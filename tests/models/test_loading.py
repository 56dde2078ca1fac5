"""Saved models load, or one message says why not."""

import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import pytest

from atsc_keras.errors import InputError
from atsc_keras.models.loading import load_keras_file


def save(path: Path) -> Path:
    images = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(images)
    keras.Model(images, keras.layers.Dense(3)(x)).save(path)
    return path


def test_whole_file_gives_its_model(tmp_path: Path) -> None:
    model = load_keras_file(save(tmp_path / "m.keras"))
    assert model.output_shape == (None, 3)
    assert not model.compiled


def test_unusable_file_gets_one_message(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with pytest.raises(InputError, match="^A saved model.*does not exist"):
        load_keras_file(path)
    with pytest.raises(InputError, match="^MODEL must be.*is a folder"):
        load_keras_file(tmp_path, what="MODEL")
    whole = save(path).read_bytes()
    path.write_bytes(whole[:-200])
    with pytest.raises(InputError, match="is not or is cut short"):
        load_keras_file(path)
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 255
    path.write_bytes(broken)
    with pytest.raises(InputError, match="which is damaged"):
        load_keras_file(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "no json" * 100)
    with pytest.raises(InputError, match="this package alone") as error:
        load_keras_file(path)
    assert len(str(error.value)) < 600


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
