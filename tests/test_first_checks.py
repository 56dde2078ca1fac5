"""What needs no framework is refused before one is loaded."""

import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.markers import ONCE

pytestmark = [ONCE, pytest.mark.slow]

_SECONDS = 2.0  # of processor time; a framework takes three times as many
_EPOCH = {"epochs": 1, "optimizer": {"name": "sgd", "learning_rate": 0.05}}
_CONFIGS: dict[str, dict[str, Any]] = {
    "good": {},
    "no_data": {"data": {"path": "none.npz"}},
    "no_arrays": {"data": {"path": "train.npz"}},
    "large_batch": {"data": {"batch_size": 7}},
    "promise": {"data": {"path": "promise.npz"}},
    "no_idx": {"data": {"source": "idx", "path": "empty"}},
    "large_idx_batch": {"data": {"source": "idx", "path": "idx"}},
    "no_folders": {"data": {"source": "folder", "path": "empty"}},
    "no_network": {"student": {"network": "resnet9"}},
    "no_weights": {"teacher": {"weights": "none.keras"}},
    "text_weights": {"teacher": {"weights": "text.keras"}},
    "no_recipe": {"student": {"training": None}},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with configs and data, right and wrong."""
    folder = tmp_path_factory.mktemp("place")
    images, labels = np.zeros((6, 8, 8, 3), "uint8"), np.arange(6) % 3
    train = {"x_train": images, "y_train": labels}
    test = {"x_test": images, "y_test": labels}
    np.savez(folder / "train.npz", **train)
    np.savez(folder / "data.npz", **train, **test)
    np.savez(folder / "texts.npz", x_test=images, y_test=labels.astype("U"))
    # A few bytes that promise terabytes.
    with zipfile.ZipFile(folder / "promise.npz", "w") as archive:
        for name in (*train, *test):
            with archive.open(f"{name}.npy", "w") as file:
                form = {"descr": "|u1", "fortran_order": False}
                np.lib.format.write_array_header_1_0(
                    file, {**form, "shape": (10**6, 1024, 1024, 3)}
                )
    (folder / "text.keras").write_text("text")
    os.mkfifo(folder / "pipe.yaml")
    (folder / "used").mkdir()
    (folder / "used" / "mine").touch()
    (folder / "empty").mkdir()
    (folder / "idx").mkdir()
    for split in ("train", "t10k"):
        for kind, rank in (("images", 3), ("labels", 1)):
            header = [bytes([0, 0, 8, rank]), *[(2).to_bytes(4)] * rank]
            name = f"{split}-{kind}-idx{rank}-ubyte"
            (folder / "idx" / name).write_bytes(b"".join(header))
    # Its first bytes are those of a model.
    (folder / "m.keras").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    for name, changes in _CONFIGS.items():
        config: dict[str, Any] = {
            "data": {"source": "npz", "path": "data.npz", "batch_size": 4},
            "teacher": {"network": "resnet8", "training": _EPOCH},
            "student": {"network": "resnet8x0.5", "training": _EPOCH},
            "distillation": {"training": _EPOCH},
        }
        for section, own in changes.items():
            config[section] |= own
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture
def refusal(place: Path) -> Callable[..., str]:
    """Run words that are to be refused; what is said, after how long."""

    def run(module: str, words: str, **env: str) -> str:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", module, *words.split()],
            cwd=place,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parent.parent),
                **env,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime
        assert used - before.ru_utime - before.ru_stime < _SECONDS
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert not (place / "runs").exists() and not (place / "out").exists()
        return done.stderr

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train none.yaml", "none.yaml"),
        ("train pipe.yaml", "not a pipe"),
        ("train good.yaml data.batch=3", "unknown key"),
        ("train no_recipe.yaml --role student", "must say how it is trained"),
        ("train large_batch.yaml", "batch_size=7, 6 images"),
        ("distill no_data.yaml", "none.npz"),
        ("distill no_arrays.yaml", "missing: x_test, y_test"),
        ("distill promise.yaml", "more than the file can hold"),
        ("distill no_idx.yaml", "no train-images-idx3-ubyte"),
        ("distill large_idx_batch.yaml", "batch_size=4, 2 images"),
        ("distill no_folders.yaml", "no folder train"),
        ("distill no_network.yaml", "'resnet9'"),
        ("distill no_weights.yaml", "none.keras, which does not exist"),
        ("distill text_weights.yaml", "begins with 'text'"),
        ("distill good.yaml --run-dir used", "which holds mine"),
        ("distill good.yaml --resume --overwrite", "Give one of them"),
        ("benchmark good.yaml --run-dir used", "which holds mine"),
        ("benchmark good.yaml --steps 1", "steps=1"),
        ("benchmark good.yaml --backend numpy", "tensorflow, jax, torch"),
        ("compare good.yaml --methods simkdd", "Nearest: simkd"),
        ("compare good.yaml --seeds 1,1", "different whole numbers"),
        ("compare good.yaml --learning-rates 0", "at least 1e-12"),
        ("compare no_recipe.yaml --methods kd", "how to train with kd"),
        ("compare good.yaml --variants none.yaml", "none.yaml"),
        ("evaluate good.yaml --model none.keras", "none.keras"),
        ("evaluate no_data.yaml --model m.keras", "none.npz"),
        ("evaluate good.yaml", "without --model"),
        ("evaluate used", "no metrics.json"),
        ("samples no_data.yaml --out x.npz", "none.npz"),
    ],
)
def test_command_refuses_at_once(
    words: str, said: str, refusal: Callable[..., str]
) -> None:
    assert said in refusal("atsc_keras", words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("none.keras --out out", "none.keras, which does not exist"),
        ("text.keras --out out", "begins with 'text'"),
        ("used --out out", "is a folder"),
        ("m.keras --out used", "holds other files"),
        ("m.keras --out text.keras", "is a file"),
        ("m.keras --out out --formats onx", "Did you mean onnx"),
        ("m.keras --out out --precision int8", "Add --data"),
        ("m.keras --out out --data none.npz", "none.npz"),
        ("m.keras --out out --data train.npz", "no array 'x_test'"),
        ("m.keras --out out --data promise.npz", "more than the file"),
        ("m.keras --out out --data texts.npz", "type <U"),
        ("m.keras --out out --data empty", "a folder with images"),
        ("m.keras --out out --class-names none.json", "none.json"),
        ("m.keras --out out --tolerance nan", "nan"),
        ("m.keras --out out --compare none.keras", "none.keras"),
        ("m.keras --out out --compare m.keras", "Rename one"),
        ("m.keras --out out --demo-page used", "holds other files"),
        ("m.keras --out out --demo-page p --runtime none", "--runtime must"),
        ("--from-run none", "folder of a finished run"),
    ],
)
def test_exporter_refuses_at_once(
    words: str, said: str, refusal: Callable[..., str]
) -> None:
    assert said in refusal("export", words)


def test_backend_without_its_framework_is_refused_at_once(
    refusal: Callable[..., str],
) -> None:
    said = refusal("atsc_keras", "distill good.yaml", KERAS_BACKEND="mxnet")
    assert "tensorflow, jax, torch" in said
