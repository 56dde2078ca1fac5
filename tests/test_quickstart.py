"""The notebook of the quickstart runs as a reader runs it."""

import re
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parent.parent


def test_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    (tmp_path / "atsc").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m atsc_keras "$@"\n'
    )
    (tmp_path / "atsc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    where = {"metadata": {"path": tmp_path}}
    nbclient.NotebookClient(notebook, timeout=300, resources=where).execute()
    outputs = "\n".join(str(cell.get("outputs")) for cell in notebook.cells)
    assert outputs.count("accepted") == 3
    alone, distilled = re.findall(r"student \w+ +([\d.]+)%", outputs)[:2]
    assert float(distilled) > float(alone)
