"""Exported files give Keras's logits in Node.js."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import KINDS, Exported
from tools.cases import LIMIT, write_cases

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None,
    reason="Node.js is not installed: apt-get install nodejs npm",
)
SCRIPT = Path(__file__).parent / "node.mjs"


def run_node(
    folder: Path, *arguments: object
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", str(SCRIPT), *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_node_gives_kerass_logits(
    kind: str,
    exported: Callable[[str], Exported],
    node_packages: Path,
    tmp_path: Path,
) -> None:
    model = exported(kind)
    cases = tmp_path / "cases.json"
    write_cases(cases, model.images, model.logits)
    done = run_node(node_packages, model.file, cases)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"max difference (\S+) on 8 images", done.stdout)
    assert found
    assert float(found[1]) <= LIMIT
    # And a wrong logit is seen.
    write_cases(cases, model.images, model.logits + 2 * LIMIT)
    assert run_node(node_packages, model.file, cases).returncode == 1


def test_missing_package_is_named(tmp_path: Path) -> None:
    done = run_node(tmp_path, "model.onnx", "cases.json")
    assert done.returncode == 2
    assert "npm install --ignore-scripts onnxruntime-node" in done.stderr
