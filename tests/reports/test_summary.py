"""A run in the words and numbers of the terminal."""

import pytest

from atsc_keras.records.exports import ExportReport
from atsc_keras.records.models import Metrics
from atsc_keras.reports.numbers import duration, percent, quantity
from atsc_keras.reports.run import headline, summary_table
from atsc_keras.reports.statistics import interval
from tests.reports.fake_run import export_report, metrics_of, record


def test_summary_table_is_aligned_and_narrow() -> None:
    metrics = metrics_of(teachers=2)
    name = "a_network_with_a_long_name_" * 3
    metrics["models"]["student"]["network"] = name
    exported = export_report()
    exported["models"][0]["artifacts"][3]["path"] = (
        "out/" + "long_" * 20 + ".tflite"
    )

    table = summary_table(
        record(Metrics, metrics), record(ExportReport, exported)
    )
    lines = table.splitlines()

    assert max(map(len, lines)) <= 100
    models, files = lines[: lines.index("")], lines[lines.index("") + 1 :]
    whole = [line for line in models if line.endswith("x")]
    assert len({len(line) for line in [*models[:2], *whole]}) == 1
    assert len(whole) == 6
    # A long name is broken, and lost nowhere.
    start, end = models[0].index("network"), models[0].index("accuracy")
    assert name in "".join(line[start : end - 1].strip() for line in models)
    ends = [line.split()[-1] for line in files if line.endswith("ted")]
    assert ends == 3 * ["accepted"] + ["rejected"]
    text = " ".join(" ".join(files).split())
    assert "logits differ by more than the tolerance" in text
    assert "on 16 random and 64 real images; largest difference allowed" in text
    assert "On the real ones the Keras student gets 97.2 % right." in text


def test_summary_table_shows_a_file_that_could_not_be_written() -> None:
    exported = export_report()
    nothing = dict.fromkeys(
        ("max_difference", "mean_difference", "top1_agreement", "accuracy")
    )
    exported["models"][0]["artifacts"][2].update(
        nothing, bytes=0, accepted=False, reason="no converter", path="b.onnx"
    )

    table = summary_table(
        record(Metrics, metrics_of()), record(ExportReport, exported)
    )

    (line,) = [line for line in table.splitlines() if " onnx " in line]
    assert line.split() == ["b.onnx", "onnx", "float32", "0", "B", *"----"] + [
        "rejected"
    ]
    assert "\nb.onnx: no converter\n" in table


@pytest.mark.parametrize(
    ("gap", "sentence"),
    [
        (None, "there is no gap to close"),
        (-0.2, "is behind the one trained alone"),
        (1.3, "better than its teacher"),
    ],
)
def test_unusual_gap_is_put_in_words(gap: float | None, sentence: str) -> None:
    metrics = record(Metrics, {**metrics_of(), "gap_closed": gap})

    assert sentence in " ".join(summary_table(metrics, None).split())


@pytest.mark.parametrize("teachers", [1, 2])
@pytest.mark.parametrize(("more_wrong", "is_said"), [(0, 0), (17, 0), (90, 1)])
def test_headline_says_that_a_teacher_fell(
    more_wrong: int, is_said: int, teachers: int
) -> None:
    metrics = metrics_of(teachers)
    models = metrics["models"]
    last = "teacher" if teachers == 1 else "teacher_2"
    before = models[last]["accuracy"]
    models[f"adapted_{last}"]["accuracy"] = before - more_wrong / 360
    was, now = ("98.9", "73.9") if teachers == 1 else ("98.1", "73.1")
    name = last.replace("_", " ")

    text = headline(record(Metrics, metrics))

    assert text.count("fell from") == is_said
    sentence = f" The {name} fell from {was} % to {now} %."
    assert text.endswith(sentence) == bool(is_said)


def test_numbers_are_written_for_people() -> None:
    assert percent(0.97222) == "97.2 %"
    assert percent(0.7512, images=10_000) == "75.12 %"
    assert percent(0.9999) == "99.9 %"  # only all is 100 %
    assert percent(1.0) == "100.0 %"
    assert percent(float("nan")) == "-"
    assert quantity(999) == "999"
    assert quantity(999_960) == "1.0 M"
    assert quantity(1_234_567, "B") == "1.2 MB"
    assert quantity(-5_123, "B") == "-5.1 kB"
    assert duration(59.6) == "1 min 00 s"
    assert duration(7384) == "2 h 03 min"


def test_interval_is_wilsons() -> None:
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    low, high = interval(81 / 263, 263)

    assert low == pytest.approx(0.2553, abs=5e-5)
    assert high == pytest.approx(0.3662, abs=5e-5)
