"""The gain of teaching is told apart from the gain of size."""

from pathlib import Path
from typing import Any

import pytest

from atsc_keras.records.models import Metrics
from atsc_keras.reports.comparison import comparison_table, verdict
from atsc_keras.reports.report import renew_report
from atsc_keras.reports.run import summary_table
from tests.reports.fake_comparison import comparison_of
from tests.reports.fake_run import (
    PHASES,
    a_model,
    history_of,
    metrics_of,
    record,
    write_run,
)
from tests.reports.test_report import Page
from tools import results_table


def metrics() -> dict[str, Any]:
    values = metrics_of()
    values["models"]["student_same_size"] = a_model("resnet8", 13, 48_874)
    return values


def test_report_has_it_in_words_cards_and_curves(tmp_path: Path) -> None:
    phases = {**PHASES, "student_same_size": 30}
    run = write_run(tmp_path / "run", metrics(), history_of(phases))
    html = renew_report(run).read_text("utf-8")
    text = Page(html).text
    assert (
        "the student trained alone 95.6 %, the network of the same size "
        "trained alone 96.4 %, the teacher 98.9 %." in text
    )
    assert "Distilled and same size alone differ by 3 images." in text
    assert "the gain of size, what the distilled student has more" in text
    # The size that ships stands on its card.
    assert (
        "Student distilled 97.2 % resnet8, 48.9 k parameters (0.28×), 3.5 M "
        "multiply-adds Same size alone 96.4 % resnet8, 48.9 k parameters"
        in text
    )
    assert 'class="tile gold"' in html
    assert "Same size alone" in (run / "figures/accuracy.svg").read_text()


def test_report_without_it_says_nothing_of_it(run_dir: Path) -> None:
    text = Page(renew_report(run_dir).read_text("utf-8")).text
    assert "same size" not in text.lower()
    assert "Student distilled 97.2 % resnet8, 48.9 k parameters (0.28×)" in text


def test_table_of_the_terminal_has_it_between_the_students() -> None:
    lines = summary_table(record(Metrics, metrics()), None).splitlines()
    firsts = [line[:17].strip() for line in lines[2:7]]
    assert firsts == [
        *("Teacher", "Student alone", "Same size alone"),
        *("Student distilled", "Adapted teacher"),
    ]


@pytest.mark.parametrize(
    ("same", "words"),
    [
        # 3, 4 and 5 points, with a standard error of 1 / sqrt(3).
        (
            [0.72, 0.73, 0.74],
            "ATSC is 4.00 points ahead of the same network on labels alone "
            "(standard error 0.58, 3 seeds), more than chance makes likely.",
        ),
        (
            [0.74, 0.78, 0.79],
            "ATSC is 0.00 points behind the same network on labels alone "
            "(standard error 0.58, 3 seeds), not more than chance makes "
            "likely.",
        ),
    ],
)
def test_verdict_tells_teaching_from_size(
    same: list[float], words: str
) -> None:
    shares = {"kd": [0.76, 0.78, 0.8], "atsc": [0.75, 0.77, 0.79]}
    known = comparison_of(student_same_size=same, **shares)
    assert verdict(known).endswith(words)
    assert "on labels alone" not in verdict(comparison_of(**shares))


def test_verdict_says_it_once_and_only_where_it_can() -> None:
    one = comparison_of(student_same_size=[0.7, 0.72], atsc=[0.8, 0.81])
    assert verdict(one).count("points") == 1
    few = comparison_of(student_same_size=[0.7], kd=[0.9], atsc=[0.8])
    assert "on labels alone" not in verdict(few)
    fixed = comparison_of(student_same_size=[0.7, 0.72], kd=[0.8, 0.8])
    assert "on labels alone" not in verdict(fixed)


def test_note_says_what_it_is_where_it_is() -> None:
    words = "Same size alone: the network that SimKD and ATSC ship"
    for shares, said in (
        ({"student_same_size": [0.7]}, True),
        ({"student": [0.7]}, False),
    ):
        table = comparison_table(comparison_of(**shares))
        assert (words in " ".join(table.split())) is said


def test_table_of_records_has_a_dash_where_it_was_not_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = {"student_alone": [0.6], "kd": [0.6], "simkd": [0.7]}
    rate = {"rates": [0.1], "held_out_accuracy": [0.5], "chosen": 0.1}
    made = [
        comparison_of(**shares, atsc=[0.8], **more).model_copy(
            update={"learning_rates": {"atsc": rate}}
        )
        for more in ({}, {"student_same_size": [0.65]})
    ]
    monkeypatch.setattr(results_table, "records", lambda: made)
    header, _, old, new = results_table.short_table().splitlines()
    place = header.split("|").index(" Same size alone ")
    assert old.split("|")[place] == " - "
    assert new.split("|")[place] == " 65.0 % "
