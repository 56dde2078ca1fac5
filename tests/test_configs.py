"""Every shipped config is valid and says what it is."""

from pathlib import Path

import pytest

from atsc_keras.config import load_config
from atsc_keras.models.networks import build_encoder

# Networks that are still to come; the rest of their files is checked.
_LATER = {"ResNet18"}
CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_config_loads_and_names_known_networks(path: Path) -> None:
    config = load_config(path)
    for network in (*config.teachers, config.student):
        if network.network not in _LATER:
            build_encoder(network.network, (32, 32, 3))
    header = path.read_text().split("\ndata:")[0]
    assert header.startswith("# What: ")
    assert f"configs/{path.name}" in header


def test_there_are_configs() -> None:
    assert CONFIGS
