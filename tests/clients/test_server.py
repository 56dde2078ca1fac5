"""The server that `docs/export/clients.md` shows: right, bounded answers."""

import contextlib
import http.client
import io
import json
import re
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atsc_keras.files.pictures import ImageReader
from tests.clients.conftest import SHORT_SIDE, Exported
from tests.export.tiny_onnx import NAMES, write_linear_onnx
from tests.export.tiny_onnx import logits as linear_logits
from tools.cases import LIMIT

PAGE = Path(__file__).parents[2] / "docs" / "export" / "clients.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
(SERVER,) = (block for block in BLOCKS if "HTTPServer" in block)
(READER,) = (block for block in BLOCKS if "def read_picture" in block)
LONGEST_START = 60  # seconds
SHAPE = (6, 4, 3)  # of `write_linear_onnx`
# How many seconds a request may be silent, and take; shorter than printed.
PATIENCE = "SECONDS, SILENT_SECONDS = 20_000_000, 30, 10"
SILENT, ALL = 1, 3


@contextlib.contextmanager
def running(folder: Path, model: Path) -> Iterator[int]:
    """The server's port, once something listens there."""
    assert PATIENCE in SERVER
    shorter = PATIENCE.replace("30, 10", f"{ALL}, {SILENT}")
    (folder / "pictures.py").write_text(READER)
    (folder / "server.py").write_text(SERVER.replace(PATIENCE, shorter))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, folder / "server.py", model, str(port)],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + LONGEST_START
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield port
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a server of one model for all requests, bad and good by turns."""
    folder = tmp_path_factory.mktemp("server")
    model = write_linear_onnx(folder / "student.onnx", labels=NAMES)
    with running(folder, model) as number:
        yield number


def ask(
    port: int, body: bytes, method: str = "POST", path: str = "/"
) -> tuple[int, dict]:
    """Status and JSON of an answer."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request(method, path, body)
    return said(link.getresponse())


def said(answer: http.client.HTTPResponse) -> tuple[int, dict]:
    assert answer.getheader("Content-Type") == "application/json"
    text = answer.read()
    assert len(text) == int(answer.getheader("Content-Length") or -1)
    words = json.loads(text)
    assert set(words) == (
        {"class", "logits"} if answer.status == 200 else {"error"}
    )
    return answer.status, words


def ask_with(port: int, *heads: str, body: bytes = b"") -> tuple[int, dict]:
    """The same, with headers as they are given, and the end left open."""
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        head = "".join(f"{x}\r\n" for x in ("POST / HTTP/1.1", *heads, ""))
        link.sendall(head.encode("latin-1") + body)
        answer = http.client.HTTPResponse(link)
        answer.begin()
        return said(answer)


def random_pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape).astype("uint8")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


PICTURE = Image.fromarray(random_pixels(*SHAPE))
PNG = encoded(PICTURE, "png")


def poster() -> bytes:
    """A PNG of a few bytes that says to be of 8 thousand million pixels."""
    size = struct.pack(">II", 90_000, 90_000)
    chunk = b"IHDR" + size + PNG[24:29]
    return PNG[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + PNG[33:]


def large() -> bytes:
    """A whole PNG of 51 million pixels."""
    return encoded(Image.new("1", (8_500, 6_000)), "png")


NO_PICTURES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a text": lambda: b"no picture",
    "a picture cut short": lambda: PNG[: len(PNG) // 2],
    "the start of a PNG": lambda: PNG[:8],
    "EPS": lambda: encoded(PICTURE, "eps"),
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "PDF": lambda: encoded(PICTURE, "pdf"),
    "ICO": lambda: encoded(PICTURE, "ico"),
    "PPM": lambda: encoded(PICTURE, "ppm"),
    "TGA": lambda: encoded(PICTURE, "tga"),
    "32 bits": lambda: encoded(Image.new("F", (6, 4)), "tiff"),
    "a lying header": poster,
    "too many pixels": large,
    "JSON": lambda: json.dumps({"picture": 1}).encode(),
    "noise": lambda: random_pixels(999).tobytes(),
    "a PNG with noise": lambda: PNG[:40] + random_pixels(99).tobytes(),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_told_so(name: str, port: int) -> None:
    status, words = ask(port, NO_PICTURES[name]())
    assert status == 400
    assert "no whole picture of PNG, JPEG, WEBP" in words["error"]
    assert ask(port, PNG)[0] == 200


@pytest.mark.parametrize(
    "method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"]
)
def test_only_post_is_allowed(method: str, port: int) -> None:
    assert ask(port, PNG, method)[0] == 405


def test_head_is_answered_without_a_body(port: int) -> None:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request("HEAD", "/")
    answer = link.getresponse()
    assert (answer.status, answer.getheader("Allow")) == (405, "POST")
    assert answer.read() == b""


@pytest.mark.parametrize("path", ["/x", "/?a=1", "*", "/../etc/passwd"])
def test_there_is_one_path(path: str, port: int) -> None:
    assert ask(port, PNG, path=path)[0] == 404


@pytest.mark.parametrize(
    ("heads", "status"),
    [
        ([], 411),
        (["Transfer-Encoding: chunked"], 411),
        (["Content-Length: ten"], 400),
        (["Content-Length: -5"], 400),
        (["Content-Length: "], 400),
        (["Content-Length: 1.5"], 400),
        (["Content-Length: 0x10"], 400),
        (["Content-Length: \xb2"], 400),
        (["Content-Length: 0"], 400),
        (["Content-Length: 20000001"], 413),
        ([f"Content-Length: {10**30}"], 413),
        ([f"Content-Length: {'9' * 5000}"], 413),
    ],
)
def test_length_is_a_small_number(
    heads: list[str], status: int, port: int
) -> None:
    assert ask_with(port, *heads, body=PNG)[0] == status


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/x\r\n\r\n", 400),
        (b"POST /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_is_told_so(
    start: bytes, status: int, port: int
) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.sendall(start)
        answer = http.client.HTTPResponse(link)
        answer.begin()
        assert said(answer)[0] == status


def test_who_sends_too_much_hears_why(port: int) -> None:
    assert ask(port, bytes(30_000_000))[0] == 413
    assert ask(port, bytes(30_000_000), path="/x")[0] == 404


def test_slow_clients_are_not_waited_for(port: int) -> None:
    began = time.monotonic()
    assert ask_with(port, "Content-Length: 999", body=PNG)[0] == 408
    # One that drips is never silent.
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n")
        with pytest.raises(OSError, match="pipe|reset"):
            while time.monotonic() - began < 10 * ALL:
                link.sendall(b"x")
                time.sleep(SILENT / 4)
    # Nor one that never ends its headers.
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.sendall(b"POST / HTTP/1.1\r\nA: ")
        assert link.recv(1) == b""
    assert time.monotonic() - began < 5 * ALL
    assert ask(port, PNG)[0] == 200


KINDS = {
    **{kind: {} for kind in ("png", "bmp", "gif", "tiff")},
    "jpeg": {"quality": 98},
    "webp": {"lossless": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_every_format_are_read(kind: str, port: int) -> None:
    body = encoded(PICTURE, kind, **KINDS[kind])
    status, answer = ask(port, body)
    with Image.open(io.BytesIO(body)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    expected = linear_logits(pixels[None])[0]
    assert status == 200
    assert np.abs(answer["logits"] - expected).max() <= LIMIT
    assert answer["class"] == NAMES[int(expected.argmax())]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_as_their_exif_says(orientation: int, port: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    answers = []
    for mine in (exif, Image.Exif()):
        body = encoded(PICTURE, "png", exif=mine)
        answers.append(ask(port, body)[1]["logits"])
    assert (answers[0] == answers[1]) == (orientation == 1)


def test_pictures_are_read_as_in_training(port: int, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(random_pixels(31, 23, 3)).save(path)
    expected = linear_logits(ImageReader(SHAPE[:2], 3)(path)[None])[0]
    _, answer = ask(port, path.read_bytes())
    assert np.abs(answer["logits"] - expected).max() <= LIMIT


def test_pictures_are_cut_as_the_file_says(
    exported: Callable[[str], Exported], tmp_path: Path
) -> None:
    path = tmp_path / "wide.png"
    Image.fromarray(random_pixels(23, 31, 3)).save(path)
    pixels = ImageReader(SHAPE[:2], 3, SHORT_SIDE)(path)
    expected = linear_logits(pixels[None])[0]
    with running(tmp_path, exported("uint8").file) as port:
        _, answer = ask(port, path.read_bytes())
    assert np.abs(answer["logits"] - expected).max() <= LIMIT
    assert answer["class"] == NAMES[int(expected.argmax())]


@pytest.mark.parametrize("kind", ["colour", "grey"])
def test_server_gives_kerass_logits(
    kind: str, exported: Callable[[str], Exported], tmp_path: Path
) -> None:
    model = exported(kind)
    with running(tmp_path, model.file) as port:
        for index in range(3):
            pixels = model.images[index]
            grey = pixels.shape[-1] == 1
            shown = Image.fromarray(pixels[..., 0] if grey else pixels)
            status, answer = ask(port, encoded(shown, "png"))
            assert status == 200
            assert answer["class"] == model.name(index)
            difference = np.abs(answer["logits"] - model.logits[index])
            assert difference.max() <= LIMIT


def test_file_without_names_gives_numbers(tmp_path: Path) -> None:
    model = write_linear_onnx(tmp_path / "student.onnx")
    with running(tmp_path, model) as port:
        _, answer = ask(port, PNG)
    assert answer["class"] == int(np.argmax(answer["logits"]))
