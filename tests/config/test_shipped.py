"""Configs that come with the package are found by name."""

import subprocess
import sys
from pathlib import Path

import pytest

import atsc_keras
from atsc_keras.config import load_config
from atsc_keras.config.shipped import shipped_configs
from atsc_keras.errors import InputError

DIGITS = "digits_resnet14_resnet8x0.125"


@pytest.mark.parametrize("name", [DIGITS, f"{DIGITS}.yaml"])
def test_shipped_config_is_found_from_any_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(name, ["seed=3"]).name == DIGITS
    (tmp_path / name).write_text("data: {source: digits}")
    with pytest.raises(InputError, match="teacher: is required"):
        load_config(name)  # the path comes first


def test_every_shipped_config_is_listed_with_its_purpose() -> None:
    folder = Path(atsc_keras.__file__).parents[1] / "configs"
    listed = shipped_configs()
    assert list(listed) == sorted(path.stem for path in folder.glob("*.yaml"))
    assert listed[f"{DIGITS}_demo"] == "the demo"
    assert listed["cifar100_resnet32x4_vgg13_resnet8x4"] == (
        "two teachers, resnet32x4 and vgg13, teach resnet8x4 on CIFAR-100 with "
        "the published recipe of one (arXiv 2406.08528)"
    )
    assert all(listed.values())


def test_installed_configs_come_before_a_folder_beside_the_package(
    tmp_path: Path,
) -> None:
    # A folder of data in the package, as the wheel has it.
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "made.yaml").write_text("# What: made. Really.\n")
    code = (
        "import sys, atsc_keras\n"
        "atsc_keras.__path__.append(sys.argv[1])\n"
        "from atsc_keras.config import shipped\n"
        "print(shipped.shipped_configs(), shipped.find_config('made'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    made = tmp_path / "configs" / "made.yaml"
    assert done.stdout == f"{{'made': 'made'}} {made}\n"


@pytest.mark.parametrize(
    "name", ["digits_resnet14_resnet8x0.15", "configs/digits_resnet14.yaml"]
)
def test_wrong_name_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(
        InputError, match=rf"Received: {name}. Nearest .*{DIGITS}.*atsc list"
    ):
        load_config(name)
