"""What a comparison's table, verdict and figures make of its numbers."""

import pytest

from atsc_keras.reports.comparison import comparison_rows, method_gap, verdict
from atsc_keras.reports.comparison_figures import draw_comparison
from atsc_keras.reports.statistics import spread
from tests.reports.fake_comparison import comparison_of


def test_gap_is_measured_between_means() -> None:
    summary = comparison_of(student=[0.6, 0.8], kd=[0.75, 0.85], atsc=[0.95])
    assert method_gap(summary, "student_alone") == 0
    assert method_gap(summary, "kd") == pytest.approx(0.5)
    assert method_gap(summary, "atsc") == pytest.approx(1.25)
    assert method_gap(comparison_of(kd=[0.7]), "kd") is None
    assert method_gap(comparison_of(student=[0.9], kd=[0.8]), "kd") is None


def test_spread_is_the_sample_deviation() -> None:
    assert spread([0.5, 0.6, 0.7], 1000) == "60.0 ± 10.0 %"
    assert spread([0.612, 0.614], 10_000) == "61.30 ± 0.14 %"
    assert spread([0.5], 1000) == "50.0 %"


def test_verdict_says_whether_the_seeds_can_tell() -> None:
    # 2, 3 and 4 points behind: 3.0, with a standard error of 1 / sqrt(3).
    clear = comparison_of(kd=[0.7, 0.72, 0.71], atsc=[0.72, 0.75, 0.75])
    assert verdict(clear) == (
        "ATSC is ahead with 74.0 ± 1.7 %. KD is 3.00 points behind (standard "
        "error 0.58, 3 seeds), more than chance makes likely."
    )
    close = comparison_of(kd=[0.7, 0.76], atsc=[0.72, 0.75])
    assert "0.50 points behind" in verdict(close)
    assert "(standard error 1.50, 2 seeds), not more than" in verdict(close)
    assert "One seed cannot tell it from KD." in verdict(
        comparison_of(kd=[0.7], atsc=[0.8])
    )
    assert verdict(comparison_of(kd=[0.7])) == "KD is ahead with 70.0 %."


def test_rows_are_in_the_columns_of_the_table() -> None:
    rows = comparison_rows(comparison_of(student=[0.6, 0.6], atsc=[0.75, 0.75]))
    assert rows[1] == [
        "ATSC",
        "75.0 ± 0.0 %",
        "100.0 ± 0.0 %",
        "75.0 ± 0.0 %",
        "50 %",
        "1.0 k",
        "2.0 k",
        "1.00x",
    ]


def test_figures_are_the_same_bytes_for_the_same_numbers() -> None:
    summary = comparison_of(
        student=[0.6, 0.7], at=[0.7, 0.72], atsc=[0.8, 0.81]
    )
    first, second = draw_comparison(summary), draw_comparison(summary)
    assert [d.svg for d in first] == [d.svg for d in second]
    assert [d.name for d in first] == ["seeds", "accuracy_by_epoch"]
    assert "ATSC" in first[0].svg
    assert "AT" in first[0].svg
