"""A run in the words and numbers of the terminal."""

import pytest

from atsc_keras.reports.numbers import (
    duration,
    interval,
    percent,
    quantity,
)
from atsc_keras.reports.summary import summary_table
from tests.reports.fake_run import export_report, metrics_of


def test_summary_table_is_aligned_and_narrow() -> None:
    metrics = metrics_of(teachers=2)
    metrics["models"]["student"]["network"] = "a_network_with_a_long_name_" * 3
    exported = export_report()
    exported["models"][0]["artifacts"][3]["path"] = (
        "out/" + "long_" * 20 + ".tflite"
    )

    lines = summary_table(metrics, exported).splitlines()

    assert max(map(len, lines)) <= 100
    models, files = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert len({len(line) for line in models}) == 1
    assert len(models) == 2 + 6
    assert len({len(line) for line in files[: 2 + 4]}) == 1
    assert [line.split()[-1] for line in files[2:6]] == 3 * ["accepted"] + [
        "rejected"
    ]
    text = " ".join(" ".join(files).split())
    assert "logits differ by more than the tolerance" in text
    assert "on 16 random and 64 real images; largest difference allowed" in text
    assert "On the real ones the Keras student gets 97.2 % right." in text


def test_summary_table_shows_a_file_that_could_not_be_written() -> None:
    broken = {
        "format": "onnx",
        "precision": "int8",
        "path": "a/b.onnx",
        "reason": "no converter",
    }
    exported = {
        "tolerance": 1e-4,
        "models": [{"keras": {"accuracy": None}, "artifacts": [broken]}],
    }

    table = summary_table(metrics_of(), exported)

    assert "b.onnx         onnx int8     -         -" in table
    assert "rejected\nb.onnx: no converter\n" in table


@pytest.mark.parametrize(
    ("gap", "sentence"),
    [
        (None, "there is no gap to close"),
        (-0.2, "is behind the one trained alone"),
        (1.3, "better than its teacher"),
    ],
)
def test_unusual_gap_is_put_in_words(gap: float | None, sentence: str) -> None:
    metrics = {**metrics_of(), "gap_closed": gap}

    assert sentence in " ".join(summary_table(metrics, None).split())


def test_numbers_are_written_for_people() -> None:
    assert percent(0.97222) == "97.2 %"
    assert percent(0.7512, images=10_000) == "75.12 %"
    assert percent(0.9999) == "99.9 %"  # only all is 100 %
    assert percent(1.0) == "100.0 %"
    assert percent(float("nan")) == "-"
    assert quantity(999) == "999"
    assert quantity(999_960) == "1.0 M"
    assert quantity(1_234_567, "B") == "1.2 MB"
    assert duration(59.6) == "1 min 00 s"
    assert duration(7384) == "2 h 03 min"


def test_interval_is_wilsons() -> None:
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    low, high = interval(81 / 263, 263)

    # 1.96 for 1.95996 moves the ends by less than the last printed digit.
    assert low == pytest.approx(0.2553, abs=1e-4)
    assert high == pytest.approx(0.3662, abs=1e-4)
