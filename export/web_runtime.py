"""onnxruntime-web: the files of it that a page needs."""

import contextlib
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from atsc_keras.errors import InputError

PACKAGE = "onnxruntime-web@1.30.0"
MODULE = "ort.wasm.bundle.min.mjs"
WASM = "ort-wasm-simd-threaded.wasm"
LICENCES = ("LICENSE", "ThirdPartyNotices.txt")  # of onnxruntime
_LONGEST_DOWNLOAD = 600  # seconds; the package has 33 MB
_LONGEST_REASON = 300  # characters of npm's own message
_WAY_OUT = (
    f"Install npm, or unpack {PACKAGE} elsewhere and name its folder `dist` "
    "with --runtime DIR."
)


@dataclass(frozen=True)
class WebRuntime:
    """What a page needs of onnxruntime-web.

    Attributes:
        module: the ES module, with the loader of the WebAssembly inside.
        wasm: the WebAssembly build for the CPU.
    """

    module: bytes
    wasm: bytes


def read_web_runtime(folder: Path | None = None) -> WebRuntime:
    """Read onnxruntime-web from a folder, or fetch it with npm.

    Args:
        folder: the package's `dist`; default: fetched with `npm pack`.

    Raises:
        InputError: if the folder lacks a file, or npm is missing or fails.
    """
    with contextlib.nullcontext(folder) if folder else _fetched() as dist:
        check_web_runtime(dist)
        return WebRuntime(
            module=(dist / MODULE).read_bytes(),
            wasm=(dist / WASM).read_bytes(),
        )


def check_web_runtime(folder: Path | None) -> None:
    """See that onnxruntime-web is there, or can be fetched.

    Args:
        folder: the package's `dist`; None = to be fetched.

    Raises:
        InputError: if the folder lacks a file, or there is no npm.
    """
    if folder is None:
        _find_npm()
        return
    for name in (MODULE, WASM):
        try:
            (folder / name).open("rb").close()
        except OSError as error:
            raise InputError(
                "--runtime must be the folder `dist` of onnxruntime-web, with "
                f"{MODULE} and {WASM}. Received: {folder} ({error.strerror}: "
                f"{name}). Unpack {PACKAGE} and name that folder."
            ) from error


def licence_files() -> list[Path]:
    """Licence of ONNX Runtime and notices of what is built into it.

    npm's package has neither. The Python package of the same project, which
    the exporter needs anyway, has both.
    """
    found = importlib.util.find_spec("onnxruntime")
    folders = found.submodule_search_locations if found else None
    return [
        path
        for folder in folders or []
        for name in LICENCES
        if (path := Path(folder) / name).is_file()
    ]


@contextlib.contextmanager
def _fetched() -> Iterator[Path]:
    """Fetch the package's `dist` to a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="onnxruntime-web-") as name:
        folder = Path(name)
        _pack(folder)
        try:
            (archive,) = folder.glob("*.tgz")
            with tarfile.open(archive) as package:
                for wanted in (MODULE, WASM):
                    # Read, not extracted: nothing can be written elsewhere.
                    file = package.extractfile(f"package/dist/{wanted}")
                    (folder / wanted).write_bytes(file.read() if file else b"")
        except (ValueError, KeyError, tarfile.TarError) as error:
            raise InputError(
                f"npm must give the package {PACKAGE} with {MODULE} and "
                f"{WASM}. Received: {error}. {_WAY_OUT}"
            ) from error
        yield folder


def _find_npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            "The demo page needs onnxruntime-web, which npm fetches. "
            f"Received: no npm on the PATH. {_WAY_OUT}"
        )
    return npm


def _pack(folder: Path) -> None:
    command = [_find_npm(), "pack", "--silent", "--ignore-scripts", PACKAGE]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_LONGEST_DOWNLOAD,
            check=False,
        )
        reason = "" if done.returncode == 0 else done.stderr or done.stdout
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        reason, failed = str(error), True
    if failed:
        reason = " ".join(reason.split())[:_LONGEST_REASON] or "no message"
        raise InputError(
            f"npm must fetch {PACKAGE}. "
            f"Received: `npm pack` failed ({reason}). {_WAY_OUT}"
        )
