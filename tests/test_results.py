"""README and `docs/results.md` say what `configs/results` holds."""

import json
from pathlib import Path
from typing import Any

import pytest

from atsc_keras.config import (
    METHODS,
    config_digest,
    differences,
    load_config,
)
from atsc_keras.records.comparisons import SeedAdaptation
from atsc_keras.records.models import Movement
from tests.reports.fake_comparison import comparison_of
from tools import first_attempts, results_table
from tools.results_table import (
    PROJECTORS,
    README,
    RESULTS,
    VARIANTS,
    listed,
    load,
    methods_table,
    projectors_table,
    variants_table,
    with_results,
    write_record,
)

RECORDS = sorted(RESULTS.glob("*.json"))


def test_pages_have_the_tables_of_the_records() -> None:
    text = README.read_text("utf-8")
    written = text.split(results_table.BEGIN)[1].split(results_table.END)[0]
    assert written.strip() == results_table.short_table()
    assert with_results(text) == text
    for record in map(load, RECORDS):
        assert methods_table(record) in results_table.results_text()


@pytest.mark.parametrize("path", RECORDS, ids=[path.stem for path in RECORDS])
def test_record_is_of_the_config_beside_it(path: Path) -> None:
    record = load(path)
    beside = load_config(RESULTS.parent / f"{record.name}.yaml")
    origin = record.origin
    assert origin.config is not None
    # It lay elsewhere, and says so in its words.
    assert differences(beside, origin.config, places=False) == []
    assert origin.config_digest == config_digest(beside)
    assert origin.config_digest == config_digest(origin.config)
    assert origin.commands
    for *_, command, config, _ in (words[:6] for words in origin.commands):
        assert (command, config) == ("compare", f"configs/{record.name}.yaml")
    moved = differences(beside, origin.config)
    for key in (text.partition("=")[0] for text in moved):
        assert any(w.startswith(f"{key}=") for w in origin.commands[0])
    assert origin.keras and origin.framework and origin.python
    known = {*METHODS, *(x for y in (VARIANTS, PROJECTORS) for x in listed(y))}
    assert record.methods.keys() <= known
    for runs in record.methods.values():
        assert len(runs.seed) == len(runs.accuracy)


def comparison(
    folder: Path,
    *changes: str,
    teacher: float = 8 / 9,
    **methods: list[float],
) -> Path:
    """The folder of a comparison, as far as it is kept."""
    named = {key.replace("__", "-"): runs for key, runs in methods.items()}
    made = comparison_of(**named)
    layer = Movement(teacher=1, layer="a", moved=0.5, parameters=1)
    noted = SeedAdaptation(
        val_feature_distance=(0.9, 0.123456789), layers=(layer,)
    )
    adapted = {
        name: runs.model_copy(update={"adaptation": (noted,) * len(runs.seed)})
        if name.startswith("atsc")
        else runs
        for name, runs in made.methods.items()
    }
    config = load_config("digits_resnet14_resnet8x0.125", changes)
    origin = made.origin.model_copy(
        update={"config": config, "commands": (("run", folder.name),)}
    )
    teachers = {
        name: known.model_copy(update={"accuracy": teacher})
        for name, known in made.teachers.items()
    }
    folder.mkdir()
    (folder / "comparison.json").write_text(
        made.model_copy(
            update={"methods": adapted, "origin": origin, "teachers": teachers}
        ).model_dump_json()
    )
    return folder


def test_records_of_one_experiment_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_table, "RESULTS", tmp_path / "results")
    first = comparison(tmp_path / "a", student=[0.6, 0.7], atsc=[0.8, 0.9])
    varied = {"atsc__reduction_8": [0.7], "atsc__teacher_still": [0.6]}
    second = comparison(tmp_path / "b", atsc=[0.8], **varied)
    write_record(first)
    record = load(write_record(second))
    names = ["student_alone", "atsc", "atsc-reduction_8", "atsc-teacher_still"]
    assert list(record.methods) == names
    kept = record.methods["atsc"].adaptation
    assert [len(seed.layers) for seed in kept if seed] == [1, 0]
    assert kept[1] and kept[1].val_feature_distance[-1] == 0.12346
    assert record.origin.commands == (("run", "a"), ("run", "b"))
    assert "run a\nrun b\n```\n" in methods_table(record)
    assert "reduction" not in methods_table(record)
    table = projectors_table([record]).splitlines()
    assert table[2] == "| ATSC | 85.0 ± 7.1 % | 1.0 k | 2.0 k |"
    assert "| ATSC, reduction 8 | 70.0 % (1) | 1.0 k | 2.0 k |" in table
    assert "| ATSC, linear | - | - | - |" in table
    table = variants_table([record]).splitlines()
    assert "| ATSC, teacher still | 60.0 % (1) | 0.12 |" in table
    late = comparison(tmp_path / "c", kd=[0.6, 0.7])
    joined = load(write_record(late)).methods
    assert list(joined) == [names[0], "kd", *names[1:]]
    other = ("teacher.weights=other.keras",)
    alone = comparison(
        tmp_path / "e", *other, teacher=0.5, student_same_size=[0.6]
    )
    joined = load(write_record(alone))
    assert "student_same_size" in joined.methods  # no teacher is behind it
    assert joined.teachers["teacher"].accuracy == 0.88889
    for wrong in (
        comparison(tmp_path / "d", "seed=1", atsc=[0.1]),
        comparison(tmp_path / "f", "seed=1", student_same_size=[0.1]),
        comparison(tmp_path / "g", *other, simkd=[0.6]),
        comparison(tmp_path / "h", teacher=0.5, simkd=[0.6]),
    ):
        with pytest.raises(ValueError, match="of another experiment"):
            write_record(wrong)


# === First attempts ===


def attempt(arm: str, seed: int, accuracy: float) -> dict[str, Any]:
    return {
        **{"situation": "a", "optimizer": "sgd", "epochs": 5, "arm": arm},
        **{"seed": seed, "accuracy": accuracy},
        **{"teacher": 0.9, "teacher_after": 0.9 + seed / 100},
    }


def test_gains_are_paired_by_seed() -> None:
    rows = [attempt("alone", 0, 0.5), attempt("alone", 1, 0.6)]
    rows += [attempt("default", 1, 0.7), attempt("default", 0, 0.7)]
    rows.append(attempt("published", 0, 0.4))
    text = first_attempts.table(rows, ["published", "default"])
    cells = "| a | sgd, 5 | 55.0 | 40.0 | 70.0 | +15.0 ± 5.0 | +0.0 to +1.0 |"
    assert cells in text.splitlines()
    assert text.endswith("Mean gain over all cells: +15.0.")


def test_guide_has_the_record_of_first_attempts() -> None:
    text = first_attempts.RECORD.read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    assert not any(row["held_out"] for row in rows)
    page = first_attempts.PAGE.read_text("utf-8")
    assert first_attempts.page_with(rows) == page
