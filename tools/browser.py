"""Chromium driven through its own pipe: no driver and no package needed.

    python -m tools.browser PAGE_FOLDER CASES.json

opens a demo page, from a server and as a file, and compares its logits with
those of `CASES.json` (see `tools.cases`). The exit status is 1 where
one differs by more than the limit.
"""

import argparse
import contextlib
import functools
import http.server
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.cases import LIMIT, read_cases

PATIENCE = 60.0  # seconds for any one answer; a busy machine is slow
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--remote-debugging-pipe", "--window-size=1100,900"),
)
# Chromium wants its pipes as 3 and 4. By way of higher numbers, for 3 or 4 may
# be one of the pipes themselves; in a process of its own, for code that runs
# between fork and exec does not go with TensorFlow's threads.
LAUNCH = """
import os
import sys

for pipe, place in zip(sys.argv[1:3], (103, 104), strict=True):
    os.dup2(int(pipe), place)
os.dup2(103, 3)
os.dup2(104, 4)
os.closerange(5, 105)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


class Page:
    """One page of a headless Chromium.

    Chromium reads commands of the DevTools protocol from its file descriptor
    3 and answers on 4, each message ended by a zero byte.

    Attributes:
        requests: addresses of all that the page asked for, `data:` left out.
        messages: what it wrote to the console, and uncaught exceptions.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._unread = b""
        self._last = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.messages: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")
        attached = self.send(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._to, content) :]
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            rest = deadline - time.monotonic()
            if not select.select([self._from], [], [], max(rest, 0))[0]:
                raise TimeoutError("Chromium gave no answer")
            content = os.read(self._from, 1 << 16)
            if not content:
                raise RuntimeError("Chromium has ended")
            self._unread += content
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        content = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                address = content["request"]["url"]
                if not address.startswith("data:"):
                    self.requests.append(address)
            case "Runtime.exceptionThrown":
                self.messages.append(json.dumps(content["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.messages.append(json.dumps(content["args"]))
            case "Log.entryAdded":
                self.messages.append(content["entry"]["text"])

    def evaluate(self, code: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        answer = self.send(
            "Runtime.evaluate",
            expression=code,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(
                details.get("exception", {}).get("description", str(details))
            )
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            if time.monotonic() > deadline:
                text = self.evaluate("document.body.innerText")
                raise TimeoutError(f"{condition}: {text}\n{self.messages}")
            time.sleep(0.05)

    def open(self, address: str) -> None:
        """Open a demo page and wait until it has loaded its model or failed."""
        self.requests.clear()
        self.messages.clear()
        self.send("Page.navigate", url=address)
        self.wait_for("document.body?.dataset.ready !== undefined")

    def click(self, selector: str) -> None:
        """Click an element as a mouse does."""
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.send(
                "Input.dispatchMouseEvent",
                **{"type": kind, "x": x, "y": y},
                **{"button": "left", "clickCount": 1},
            )

    def press(self, key: str, code: int) -> None:
        """Press a key where the focus is."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": key, "windowsVirtualKeyCode": code},
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    def drop(self, selector: str, file: Path) -> None:
        """Drop a file on an element, as a file manager does."""
        x, y = self.middle(selector)
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def choose_file(self, selector: str, file: Path) -> None:
        """Choose a file, as the file picker does."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)
        self.send(
            "DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(file)]
        )

    def middle(self, selector: str) -> tuple[float, float]:
        """Where an element is, after scrolling to it."""
        x, y = self.evaluate(
            "(() => { const element = document.querySelector("
            f"{json.dumps(selector)}); "
            "element.scrollIntoView({block: 'center'}); "
            "const box = element.getBoundingClientRect(); "
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        return x, y

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Logits that the page gives for images `(N, H, W, C)`."""
        pixels = json.dumps(images.reshape(len(images), -1).tolist())
        code = (
            "(async () => { const all = []; "
            f"for (const pixels of {pixels}) "
            "all.push(await window.classify(pixels)); return all; })()"
        )
        return np.array(self.evaluate(code))


@contextlib.contextmanager
def browser(executable: str) -> Iterator[Page]:
    """A page of a new Chromium with an empty profile."""
    read_by_browser, to_browser = os.pipe()
    from_browser, written_by_browser = os.pipe()
    pipes = (read_by_browser, written_by_browser)
    with tempfile.TemporaryDirectory(
        prefix="chromium-", ignore_cleanup_errors=True
    ) as profile:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", LAUNCH, *map(str, pipes)),
                *(executable, *FLAGS, f"--user-data-dir={profile}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=pipes,
        )
        for pipe in pipes:
            os.close(pipe)
        try:
            page = Page(to_browser, from_browser)
            yield page
        finally:
            os.close(to_browser)  # Chromium ends when its pipe does
            os.close(from_browser)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does; its address."""
    handler = functools.partial(_Silent, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.browser")
    parser.add_argument("page", type=Path, help="a demo page's folder")
    parser.add_argument("cases", type=Path, help="JSON by tools.cases")
    parser.add_argument("--limit", type=float, default=LIMIT)
    arguments = parser.parse_args()
    executable = find_chromium()
    if executable is None:
        print("Chromium is not installed: apt-get install chromium")
        return 2
    images, logits = read_cases(arguments.cases)
    worst = 0.0
    folder = arguments.page.resolve()
    with browser(executable) as page, served(folder) as address:
        for where in (address, (folder / "index.html").as_uri()):
            page.open(where)
            difference = np.abs(page.classify(images) - logits).max()
            print(f"{where.split(':')[0]:<5} max difference {difference:.1e}")
            worst = max(worst, float(difference))
    return 0 if worst <= arguments.limit else 1


if __name__ == "__main__":
    sys.exit(main())
