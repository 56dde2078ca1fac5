"""A run with all its records."""

from pathlib import Path

import pytest

from tests.reports.fake_run import (
    PHASES,
    export_report,
    history_of,
    metrics_of,
    write_run,
)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A whole run: one teacher, the student alone, exported files."""
    return write_run(
        tmp_path / "run", metrics_of(), history_of(PHASES), export_report()
    )
