"""The demo page's runtime comes from npm, or from a folder that has it."""

import base64
import gzip
import sys
from pathlib import Path

import pytest

from atsc_keras.errors import InputError
from export.demo_page import write_demo_page
from export.web_runtime import PACKAGE, WASM
from tests.export.conftest import CONTENT, assert_nothing_but, value_of, written


def test_wrong_runtime_folder_names_the_missing_file(
    tmp_path: Path, model: Path, runtime: Path
) -> None:
    (runtime / WASM).unlink()
    with pytest.raises(InputError, match=f"No such file.*: {WASM}"):
        written(tmp_path / "page", model, runtime)
    assert_nothing_but(tmp_path, {"dist", "student.onnx"})


def fake_npm(folder: Path, code: str) -> None:
    """An `npm` that runs Python code in the folder where it is called."""
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(f"#!{sys.executable}\nimport sys, tarfile\n{code}\n")
    npm.chmod(0o755)


def test_missing_npm_is_named_with_the_way_out(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="no npm on the PATH.*--runtime DIR"):
        write_demo_page(tmp_path / "page", model, class_names=None, images=None)
    assert_nothing_but(tmp_path, {"student.onnx"})


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.exit('npm error code E404')", r"failed \(npm error code E404\)"),
        ("sys.exit(1)", r"failed \(no message\)"),
        ("pass", "must give the package"),
        ("open('o.tgz', 'w').write('no archive')", "must give the package"),
        ("tarfile.open('o.tgz', 'w:gz').close()", "must give the package"),
    ],
)
def test_failing_npm_is_named_with_its_reason(
    code: str,
    message: str,
    tmp_path: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_npm(tmp_path / "bin", code)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(InputError, match=message) as error:
        write_demo_page(tmp_path / "page", model, class_names=None, images=None)
    assert "--runtime DIR" in str(error.value)
    assert_nothing_but(tmp_path, {"bin", "student.onnx"})


def test_runtime_comes_from_npm_by_default(
    tmp_path: Path,
    model: Path,
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = (
        f"assert sys.argv[-1] == {PACKAGE!r}\n"
        "with tarfile.open('o.tgz', 'w:gz') as package:\n"
        f"    package.add({str(runtime)!r}, 'package/dist')"
    )
    fake_npm(tmp_path / "bin", code)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    page = tmp_path / "page"
    write_demo_page(page, model, class_names=None, images=None)
    packed = value_of(page / "runtime.js")
    wasm = gzip.decompress(base64.b64decode(packed["wasm"]))
    assert wasm == CONTENT[WASM]
