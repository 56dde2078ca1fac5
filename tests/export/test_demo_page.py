"""The demo page's folder is complete and right, or is not there at all."""

import base64
import gzip
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image

from atsc_keras.errors import InputError
from export import demo_page
from export.web_runtime import MODULE, WASM
from tests.export.conftest import CONTENT, assert_nothing_but, value_of, written
from tests.export.tiny_onnx import NAMES, SHAPE, write_linear_onnx


def pixels(count: int = 14, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    random = np.random.default_rng(1)
    return random.integers(0, 256, (count, *shape)).astype("uint8")


def test_page_holds_all_that_it_needs(
    tmp_path: Path, model: Path, runtime: Path
) -> None:
    page = tmp_path / "new" / "page"
    data = written(page, model, runtime, class_names=NAMES, images=pixels())
    assert data["name"] == "student"
    assert data["input"] == {
        **{"type": "float32", "height": 6, "width": 4, "channels": 3},
        "shortSide": None,
    }
    assert data["classes"] == 4
    assert data["classNames"] == NAMES
    assert data["bytes"] == model.stat().st_size
    assert base64.b64decode(data["model"]) == model.read_bytes()
    packed = value_of(page / "runtime.js")
    for key, name in (("module", MODULE), ("wasm", WASM)):
        content = gzip.decompress(base64.b64decode(packed[key]))
        assert content == CONTENT[name]
    assert_nothing_but(
        page,
        {"index.html", "page.css", "page.js", "model.js", "runtime.js"}
        | {"licences"},
    )
    assert "MIT" in (page / "licences/onnxruntime-LICENSE.txt").read_text()
    assert_nothing_but(page.parent, {"page"})


def test_page_names_no_other_host(
    tmp_path: Path, model: Path, runtime: Path
) -> None:
    page = tmp_path / "page"
    written(page, model, runtime)
    html = (page / "index.html").read_text()
    assert "default-src 'none'" in html
    named = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert [n for n in named if not n.startswith("data:")] == [
        *("page.css", "page.js")
    ]
    for name in ("page.css", "page.js"):
        hosts = re.findall(r"https?://([a-z.]+)", (page / name).read_text())
        assert set(hosts) <= {"localhost"}


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_samples_keep_every_pixel(
    channels: int, mode: str, tmp_path: Path, runtime: Path
) -> None:
    shape = (5, 7, channels)
    model = write_linear_onnx(tmp_path / "m.onnx", shape=shape)
    images = pixels(14, shape)
    data = written(tmp_path / "page", model, runtime, images=images)
    assert len(data["samples"]) == 12
    for address, expected in zip(data["samples"], images, strict=False):
        content = base64.b64decode(
            address.removeprefix("data:image/png;base64,")
        )
        picture = Image.open(io.BytesIO(content))
        assert (picture.format, picture.mode) == ("PNG", mode)
        shown = np.asarray(picture).reshape(shape)
        np.testing.assert_array_equal(shown, expected)


def test_float_samples_are_rounded(
    tmp_path: Path, model: Path, runtime: Path
) -> None:
    images = np.full((1, *SHAPE), 254.6, "float32")
    data = written(tmp_path / "page", model, runtime, images=images)
    content = base64.b64decode(data["samples"][0].split(",")[1])
    assert (np.asarray(Image.open(io.BytesIO(content))) == 255).all()


def test_class_names_in_the_file_are_used(
    tmp_path: Path, runtime: Path
) -> None:
    model = write_linear_onnx(tmp_path / "m.onnx", labels=NAMES)
    data = written(tmp_path / "page", model, runtime)
    assert data["classNames"] == NAMES
    given = written(tmp_path / "page", model, runtime, class_names=[*"abcd"])
    assert given["classNames"] == [*"abcd"]


def test_uint8_model_and_batch_of_one_are_taken(
    tmp_path: Path, runtime: Path
) -> None:
    path = tmp_path / "m.onnx"
    model = write_linear_onnx(path, kind=TensorProto.UINT8, batch=1)
    data = written(tmp_path / "page", model, runtime)
    assert data["input"]["type"] == "uint8"


def unusable_model(kind: str, folder: Path) -> Path:
    path = folder / "m.onnx"
    changes: dict[str, dict[str, Any]] = {
        "input name": {"names": ("pixels", "logits")},
        "output name": {"names": ("image", "scores")},
        "channels first": {"shape": (3, 6, 4)},
        "two channels": {"shape": (6, 4, 2)},
        "any size": {"shape": ("height", "width", 3)},
        "float16": {"kind": TensorProto.FLOAT16},
        "batch of 8": {"batch": 8},
        "vector": {"shape": (8,)},
        "external": {"external": True},
    }
    if kind in changes:
        return write_linear_onnx(path, **changes[kind])
    if kind == "text":
        path.write_text("no model")
    elif kind == "cut":
        write_linear_onnx(path)
        path.write_bytes(path.read_bytes()[:-20])
    elif kind == "empty":
        path.touch()
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "No such file"),
        ("text", "no ONNX file or cut short"),
        ("cut", "no ONNX file or cut short"),
        ("empty", "which onnxruntime does not open"),
        ("input name", "with inputs ['pixels'], outputs ['logits']"),
        ("output name", "with inputs ['image'], outputs ['scores']"),
        ("channels first", "with input float32 [None, 3, 6, 4]"),
        ("two channels", "with input float32 [None, 6, 4, 2]"),
        ("any size", "with input float32 [None, None, None, 3]"),
        ("float16", "with input float16 [None, 6, 4, 3]"),
        ("batch of 8", "with a batch of 8"),
        ("vector", "with input float32 [None, 8]"),
        ("external", "weights are in another file"),
    ],
)
def test_unusable_models_get_one_message(
    kind: str, message: str, tmp_path: Path, runtime: Path
) -> None:
    path = unusable_model(kind, tmp_path)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        written(tmp_path / "page", path, runtime)
    assert "Received: " in str(error.value)
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": ["a"]}, "1 names, model with 4 classes"),
        ({"images": pixels(2, (4, 6, 3))}, r"\(N, 6, 4, 3\)"),
        ({"images": pixels()[0]}, "Received: \\(6, 4, 3\\)"),
        ({"images": pixels() * 2.0}, "from 0 to 5"),
        ({"images": pixels() * np.nan}, "from nan to nan"),
    ],
)
def test_unusable_names_and_samples_get_one_message(
    options: dict[str, Any],
    message: str,
    tmp_path: Path,
    model: Path,
    runtime: Path,
) -> None:
    with pytest.raises(InputError, match=message):
        written(tmp_path / "page", model, runtime, **options)
    assert not (tmp_path / "page").exists()


def test_earlier_page_is_replaced(
    tmp_path: Path, model: Path, runtime: Path
) -> None:
    page = tmp_path / "page"
    written(page, model, runtime, images=pixels())
    assert written(page, model, runtime)["samples"] == []


def test_folder_that_is_no_page_is_never_replaced(
    tmp_path: Path,
    model: Path,
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("mine")
    with pytest.raises(InputError, match="which holds other files"):
        written(page, model, runtime)
    assert (page / "index.html").read_text() == "mine"
    (page / "index.html").unlink()
    written(page, model, runtime)
    # A page with something of the user's beside it.
    for name in ("notes.txt", "licences/mine.txt", "model.js/x", "a/b"):
        (page / "model.js").unlink(missing_ok=True)
        (page / name).parent.mkdir(exist_ok=True)
        (page / name).write_text("mine")
        with pytest.raises(InputError, match=f"also holds {name}"):
            written(page, model, runtime)
        (page / name).unlink()
        if not name.startswith(("notes", "licences")):
            (page / name).parent.rmdir()
    # Nor under the feet of who stands in it.
    monkeypatch.chdir(page)
    with pytest.raises(InputError, match="which holds other files"):
        written(page, model, runtime)
    with pytest.raises(InputError, match="which is a file"):
        written(model, model, runtime)


def test_failed_writing_leaves_the_earlier_page_as_it_was(
    tmp_path: Path,
    model: Path,
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = tmp_path / "page"
    earlier = written(page, model, runtime, images=pixels())

    def no_space() -> list[Path]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo_page, "licence_files", no_space)
    with pytest.raises(InputError, match="No space left on device"):
        written(page, model, runtime)
    assert value_of(page / "model.js") == earlier
    assert_nothing_but(tmp_path, {"dist", "page", "student.onnx"})
