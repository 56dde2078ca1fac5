"""The server that `docs/export/clients.md` shows answers as Keras does."""

import contextlib
import io
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.clients.conftest import Exported
from tools.cases import LIMIT

PAGE = Path(__file__).parents[2] / "docs" / "export" / "clients.md"
(SERVER,) = (
    block
    for block in re.findall(
        r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    )
    if "HTTPServer" in block
)
LONGEST_START = 60  # seconds


@contextlib.contextmanager
def running(script: Path, model: Path) -> Iterator[str]:
    """The server's address, once something listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, script, model, str(port)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + LONGEST_START
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_server_of_readme_gives_kerass_logits(
    exported: Callable[[str], Exported], tmp_path: Path
) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    model = exported("colour")
    with running(script, model.file) as address:
        for index in range(3):
            picture = io.BytesIO()
            Image.fromarray(model.images[index]).save(picture, "png")
            with urllib.request.urlopen(address, picture.getvalue()) as reply:
                answer = json.loads(reply.read())
            assert answer["class"] == model.name(index)
            difference = np.abs(answer["logits"] - model.logits[index])
            assert difference.max() <= LIMIT
