"""Whatever ends a program, it says so once, with the status that is due."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from atsc_keras import endings
from atsc_keras.endings import ended_in_one_message, enduring_output
from atsc_keras.errors import (
    BusyError,
    DivergedError,
    InputError,
    OutOfMemoryError,
    TerminatedError,
    WriteError,
    is_full_disk,
    is_out_of_memory,
)

FULL = OSError(errno.ENOSPC, "No space left on device", "/tmp/x.npz")


def ended(
    error: BaseException | None, capsys: pytest.CaptureFixture
) -> tuple[object, str]:
    """Exit status and message of a program that meets an error."""
    with pytest.raises(SystemExit) as end, ended_in_one_message():
        if error is not None:
            raise error
        sys.exit()
    return end.value.code, capsys.readouterr().err.strip()


def wrapped(error: Exception) -> Exception:
    """What libraries make of an error of their own."""
    try:
        try:
            raise error
        finally:
            raise ValueError("Can't close the ZIP file")
    except ValueError as other:
        return other


def of_input(error: Exception) -> InputError:
    """What a reader of files makes of an error that it met."""
    wrong = InputError("A file must be whole.")
    wrong.__cause__ = error
    return wrong


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (InputError("`a` must be. Received: b. Use c."), 2, "Error: `a` must"),
        (BusyError(Path("run"), "another"), 2, "one writer at a time"),
        (DivergedError("`loss` must stay finite."), 1, "Error: `loss` must"),
        (OutOfMemoryError("A batch must fit."), 1, "Error: A batch must"),
        (WriteError(Path("x"), FULL), 1, "No space left on device). What"),
        (
            FULL,
            1,
            "[Errno 28] No space left on device: '/tmp/x.npz'. Make room",
        ),
        (wrapped(FULL), 1, "must be room on the disk. Received: [Errno 28"),
        (of_input(FULL), 1, "must be room on the disk."),
        (of_input(MemoryError()), 1, "must fit in memory."),
        (of_input(ValueError("b")), 2, "Error: A file must be whole."),
        (MemoryError(), 1, "must fit in memory. Received: MemoryError()."),
        (
            PermissionError(errno.EACCES, "Permission denied", "secret"),
            1,
            "Received: secret (Permission denied). Correct that",
        ),
        (
            ModuleNotFoundError("No module named 'PIL.Image'", name="PIL"),
            2,
            "named 'PIL.Image'. Run pip install pillow.",
        ),
        (
            ModuleNotFoundError("No module named 'onnx.x'", name="onnx.x"),
            2,
            'Run pip install "atsc-keras[export]".',
        ),
        (ModuleNotFoundError("somehow"), 2, "Run pip check"),
        (TerminatedError(signal.SIGINT), 130, "Stopped by Ctrl-C."),
        (TerminatedError(), 143, "Stopped by SIGTERM."),
        (KeyboardInterrupt(), 130, "Stopped by Ctrl-C."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_is_one_message(
    error: BaseException, status: int, words: str, capsys: pytest.CaptureFixture
) -> None:
    code, said = ended(error, capsys)
    assert code == status
    assert words in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "error",
    [
        *(KeyError("mistake"), RuntimeError("mistake"), OSError("mistake")),
        ModuleNotFoundError("ours", name="atsc_keras.nothing"),
    ],
)
def test_mistake_of_ours_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)), ended_in_one_message():
        raise error


def test_status_of_a_program_is_kept(capsys: pytest.CaptureFixture) -> None:
    assert ended(None, capsys) == (None, "")
    assert ended(SystemExit(3), capsys) == (3, "")


def raised(name: str, words: str, base: type = Exception) -> Exception:
    return type(name, (base,), {})(words)


def numpy_error() -> Exception:
    with pytest.raises(MemoryError) as error:
        np.empty(2**60, "uint8")
    return error.value


@pytest.mark.parametrize(
    "error",
    [
        *(MemoryError(), numpy_error(), wrapped(MemoryError())),
        raised("ResourceExhaustedError", "OOM when allocating tensor"),
        raised(
            "XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory", Exception
        ),
        raised("OutOfMemoryError", "CUDA. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes."),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_want_of_memory_is_known_in_every_framework_s_words(
    error: Exception,
) -> None:
    assert is_out_of_memory(error)
    assert not is_full_disk(error)


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        wrapped(FULL),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(
            "Can't write data (errno = 28, error message = 'No space left "
            "on device')"
        ),
        # TensorFlow's word for a full disk is that for memory.
        raised("ResourceExhaustedError", "w/x; No space left on device"),
    ],
)
def test_full_disk_is_known_in_every_library_s_words(error: Exception) -> None:
    assert is_full_disk(error)
    assert not is_out_of_memory(error)


def test_other_errors_are_neither() -> None:
    for error in (ValueError("shape"), OSError(errno.ENOENT, "No such file")):
        assert not is_full_disk(error) and not is_out_of_memory(error)


# === Output that nobody reads ===

PRINTING = """
import subprocess, sys
from atsc_keras.endings import ended_in_one_message
with ended_in_one_message():
    for number in range(2000):
        print(f"line {number}, long enough to fill a buffer " * 4, flush=True)
        print("a warning", file=sys.stderr)
    # Another program's words have nobody to read them either.
    status = subprocess.run(["echo", "words"]).returncode
    open(sys.argv[1], "w").write(f"end {status} {sys.stdout.isatty()}")
    sys.exit(0)
"""


def start(mark: Path, *options: str, **streams: object) -> subprocess.Popen:
    words = [sys.executable, *options, "-c", PRINTING, str(mark)]
    return subprocess.Popen(words, text=True, **streams)


@pytest.mark.parametrize("options", [(), ("-u",)])
@pytest.mark.parametrize("both", [False, True])
def test_closed_pipe_ends_nothing(
    options: tuple, both: bool, tmp_path: Path
) -> None:
    errors = subprocess.STDOUT if both else subprocess.DEVNULL
    job = start(
        tmp_path / "mark", *options, stdout=subprocess.PIPE, stderr=errors
    )
    with job:
        assert job.stdout is not None
        assert job.stdout.readline().startswith("line 0")
        job.stdout.close()
    assert (tmp_path / "mark").read_text() == "end 0 False"
    assert job.returncode == 0


def test_streams_closed_from_the_start_end_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PRINTING, str(tmp_path / "mark")]
    done = subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "sh", *words])
    assert done.returncode == 0
    assert (tmp_path / "mark").read_text().startswith("end")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="of Linux")
def test_log_on_a_full_disk_ends_nothing_and_is_said(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        job = start(tmp_path / "mark", stdout=full, stderr=subprocess.PIPE)
        _, errors = job.communicate()
    assert (tmp_path / "mark").exists()
    assert job.returncode == 1
    assert errors.splitlines()[-1] == (
        "Error: What is printed must have room. Received: No space left on "
        "device."
    )


def test_streams_of_others_are_left_alone(
    capsys: pytest.CaptureFixture,
) -> None:
    before = sys.stdout, sys.stderr
    with enduring_output() as lost:
        assert (sys.stdout, sys.stderr) == before
    assert not lost
    assert endings.sys.stdout is before[0]
