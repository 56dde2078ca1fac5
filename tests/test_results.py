"""What README says of results is what `configs/results` holds."""

import json
from pathlib import Path

import pytest
import yaml

from atsc_keras.config import METHODS
from tests import results_table
from tests.reports.fake_comparison import summary_of
from tests.results_table import (
    README,
    RESULTS,
    ROOT,
    VARIANTS,
    command_of,
    methods_table,
    variants_table,
    with_results,
    write_record,
)

RECORDS = sorted(RESULTS.glob("*.json"))


def test_readme_has_the_tables_of_the_records() -> None:
    text = README.read_text("utf-8")
    written = text.split(results_table.BEGIN)[1].split(results_table.END)[0]
    assert written.strip() == results_table.results_text()
    assert with_results(text) == text


@pytest.mark.parametrize("path", RECORDS, ids=[path.stem for path in RECORDS])
def test_record_can_be_traced(path: Path) -> None:
    record = json.loads(path.read_text("utf-8"))
    assert (RESULTS.parent / f"{record['name']}.yaml").exists()
    assert len(record["config_digest"]) == 16
    environment = record["environment"]
    assert {"keras", record["backend"], "python"} <= environment.keys()
    variants = yaml.safe_load((ROOT / VARIANTS).read_text("utf-8"))
    known = {*METHODS, *(f"atsc-{variant}" for variant in variants)}
    assert record["methods"].keys() <= known
    for runs in record["methods"].values():
        assert len(runs["seed"]) == len(runs["accuracy"])


def comparison(folder: Path, **methods: list[float]) -> Path:
    """The folder of a comparison, as far as it is kept."""
    named = {key.replace("__", "-"): runs for key, runs in methods.items()}
    summary = summary_of(**named)
    environment = {"keras": "3.15", "tensorflow": "2.21"}
    summary |= {"config_digest": "0" * 16, "environment": environment}
    for name, runs in summary["methods"].items():
        if name.startswith("atsc"):
            noted = {"val_feature_distance": [0.9, 0.123456789], "layers": [{}]}
            runs["adaptation"] = [dict(noted) for _ in runs["seed"]]
    folder.mkdir()
    (folder / "comparison.json").write_text(json.dumps(summary))
    return folder


def test_records_of_one_experiment_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_table, "RESULTS", tmp_path / "results")
    first = comparison(tmp_path / "a", student=[0.6, 0.7], atsc=[0.8, 0.9])
    second = comparison(tmp_path / "b", atsc=[0.8], atsc__reduction_8=[0.7])
    write_record(first)
    record = json.loads(write_record(second).read_text())
    assert list(record["methods"]) == ["student", "atsc", "atsc-reduction_8"]
    kept = record["methods"]["atsc"]["adaptation"]
    assert ["layers" in seed for seed in kept] == [True, False]
    assert kept[1]["val_feature_distance"][-1] == 0.12346
    assert command_of(record) == (
        "python -m atsc_keras compare configs/made.yaml --methods "
        "student,atsc --variants configs/variants/atsc.yaml --seeds 0,1"
    )
    # So few variants stand among the methods.
    assert "| ATSC, reduction 8 | 70.0 % (1) |" in methods_table(record)
    assert variants_table([record]).splitlines()[2:] == [
        "| ATSC | 1.0 k | 85.0 ± 7.1 % | 0.12 |",
        "| ATSC, reduction 8 | 1.0 k | 70.0 % (1) | 0.12 |",
    ]
    late = comparison(tmp_path / "c", kd=[0.6, 0.7])
    joined = json.loads(write_record(late).read_text())["methods"]
    assert list(joined) == ["student", "kd", "atsc", "atsc-reduction_8"]
    other = comparison(tmp_path / "d", atsc=[0.1])
    text = (other / "comparison.json").read_text()
    (other / "comparison.json").write_text(text.replace("0" * 16, "1" * 16))
    with pytest.raises(ValueError, match="of another experiment"):
        write_record(other)
