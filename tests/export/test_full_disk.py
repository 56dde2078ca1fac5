"""A full disk is a full disk, and no broken model or file."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest

from atsc_keras.endings import ended_in_one_message
from atsc_keras.errors import (
    InputError,
    OutOfMemoryError,
    TerminatedError,
    is_full_disk,
)
from atsc_keras.files.whole import folder_written_whole
from export import ExportJob, Variant, export, proving
from export.formats import FORMATS
from tests.export.models import student
from tests.full_disk import largest_file


class ResourceExhaustedError(Exception):
    """As TensorFlow has it, whose word for both is the same."""


FULL = (
    OSError(errno.ENOSPC, "No space left on device"),
    ResourceExhaustedError("w/variables.data; No space left on device"),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.keras"
    student().save(path)
    return path


def failing(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize("error", FULL)
def test_full_disk_while_a_file_is_written_is_no_verdict(
    error: Exception,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(FORMATS["tflite"]), "write", failing(error))
    job = ExportJob(model, tmp_path / "out", variants=[Variant("tflite")])
    with pytest.raises(InputError, match="No space left") as found:
        export(job)
    assert is_full_disk(found.value)
    assert not list(tmp_path.iterdir())


def test_disk_that_fills_up_unsaid_is_found(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = RuntimeError("Protobuf serialization failed.")
    monkeypatch.setattr(type(FORMATS["tflite"]), "write", failing(broken))
    usage = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    job = ExportJob(model, tmp_path / "out", variants=[Variant("tflite")])
    with pytest.raises(InputError, match="Protobuf") as found:
        export(job)
    assert is_full_disk(found.value)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("OOM when allocating tensor"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_want_of_memory_is_no_verdict(
    error: Exception,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(FORMATS["tflite"]), "write", failing(error))
    job = ExportJob(model, tmp_path / "out", variants=[Variant("tflite")])
    with pytest.raises(OutOfMemoryError, match="must fit in memory.*--image-s"):
        export(job)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("status", "errors", "kind"),
    [
        (1, "OSError: [Errno 28] No space left on device", OSError),
        (1, "MemoryError: Unable to allocate 9 GiB", OutOfMemoryError),
        (-9, "", OutOfMemoryError),
    ],
)
def test_proof_that_the_machine_cannot_make_is_no_verdict(
    status: int,
    errors: str,
    kind: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        proving, "run_process", lambda *_, **__: (status, "", errors)
    )
    with pytest.raises(kind):
        proving.prove(
            Variant("onnx"), tmp_path / "m.onnx", [], proving.Limits()
        )


def test_model_that_a_full_disk_keeps_from_loading_is_not_called_damaged(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    job = ExportJob(model, tmp_path / "out", variants=[Variant("tflite")])
    with pytest.raises(SystemExit) as end, ended_in_one_message():
        with largest_file(4096):
            export(job)
    assert end.value.code == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("Error: There must be room on the disk. Received: ")
    assert "File too large" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error", [TerminatedError(), MemoryError(), KeyError("mistake")]
)
def test_folder_is_as_it_was_whatever_ends_an_export(
    error: BaseException, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.json").write_text(json.dumps("before"))
    with pytest.raises(type(error)):
        with folder_written_whole(out, "--out", ["report.json"]):
            raise error
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "report.json").read_text() == '"before"'
