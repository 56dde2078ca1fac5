"""The wheel has what it needs, and works from another folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.markers import ONCE

ROOT = Path(__file__).parent.parent
CONFIG = "digits_resnet14_resnet8x0.125"
NOT_IN_IT = shutil.ignore_patterns(
    *(".*", "__pycache__", "*.egg-info", "build", "runs")
)


def run(
    *command: str | Path, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=NOT_IN_IT)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps")
    run(*pip, "--no-build-isolation", "./source", folder=folder)
    (path,) = folder.glob("*.whl")
    return path


@ONCE
def test_wheel_has_data_files_and_no_records(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= {
        "atsc_keras/py.typed",
        "atsc_keras/reports/templates/run.html",
        "atsc_keras/reports/templates/style.css",
        f"atsc_keras/configs/{CONFIG}.yaml",
        "atsc_keras/configs/common/cifar100.yaml",
        "atsc_keras/configs/common/compact.yaml",
        "atsc_keras/configs/common/imagenet.yaml",
        "atsc_keras/configs/variants/atsc.yaml",
        "atsc_export/py.typed",
        "atsc_export/demo_page_files/index.html",
        "atsc_export/demo_page_files/page.css",
        "atsc_export/demo_page_files/page.js",
    }
    assert not [name for name in names if "configs/results" in name]
    tops = {name.split("/")[0] for name in names if "dist-info" not in name}
    assert tops == {"atsc_keras", "atsc_export"}


@ONCE
def test_installed_command_distils_and_exports(
    wheel: Path, tmp_path: Path
) -> None:
    run(sys.executable, "-m", "venv", "bare", folder=tmp_path)
    python = tmp_path / "bare" / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--no-index", "--no-deps")
    run(*pip, wheel, folder=tmp_path)
    (packages,) = (tmp_path / "bare").glob("lib/python*/site-packages")
    outer = sysconfig.get_path("purelib")
    (packages / "of_the_tests.pth").write_text(f"{outer}\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    atsc = tmp_path / "bare" / "bin" / "atsc"
    assert "0.2.0" in run(atsc, "--version", folder=elsewhere).stdout
    (elsewhere / "mine.yaml").write_text(f"extends: {CONFIG}\nseed: 1\n")
    run(
        *(atsc, "distill", "mine.yaml", "--run-dir", "run"),
        *("teacher.network=resnet8x0.125", "teacher.training.epochs=1"),
        *("student.training.epochs=1", "distillation.training.epochs=1"),
        folder=elsewhere,
    )
    recorded = (elsewhere / "run" / "config.yaml").read_text()
    assert recorded.startswith("name: mine\nseed: 1\n")
    assert "extends" not in recorded
    student = elsewhere / "run" / "student.keras"
    run(
        *(atsc, "export", student, "--out", "files", "--formats", "tflite"),
        folder=elsewhere,
    )
    assert (elsewhere / "files" / "student.tflite").is_file()
