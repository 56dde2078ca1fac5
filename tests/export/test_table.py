"""The report of an export, as words and numbers."""

from atsc_keras.records.exports import Timing
from export.table import markdown_report, text_report
from tests.export.models import export_report


def test_what_distillation_added_is_told() -> None:
    report = export_report()
    model, _ = report.models
    file = model.artifacts[0]
    timed = Timing(min_ms=0.4, median_ms=0.4, runs=9)
    latency = dict.fromkeys(file.latency or (), timed)
    changed = {"bytes": file.bytes - 345_678, "latency": latency}
    smaller = file.model_copy(update=changed)
    renamed = {"name": "student_alone", "artifacts": (smaller,)}
    models = (model, model.model_copy(update=renamed))
    with_alone = report.model_copy(update={"models": models})
    expected = (
        "Projector and shared classifier: 345.7 kB of s.onnx (0.11 of 0.51 ms)"
    )
    assert expected in markdown_report(with_alone)
    assert "Projector" not in text_report(report)


def test_text_is_aligned_and_says_why() -> None:
    blocks = text_report(export_report()).split("\n\n")
    heading, *lines, reason = blocks[0].splitlines()
    assert heading == "s: 13.7 k parameters, 6.6 M multiply-adds"
    assert len({len(line) for line in lines}) == 1
    assert lines[0].startswith("file      ")
    cells = " ".join(lines[3].split())
    assert cells == (
        "s.onnx 2.3 MB 2.9e-06 1.0e-07 100.0 % 50.0 % "
        "0.512 (12.3) 0.512 (12.3) accepted"
    )
    assert lines[4].split() == ["s.tflite", "0", "B", *"------", "rejected"]
    assert reason == "s.tflite: not written: layer x"
    assert blocks[1].startswith("t: 13.7 k parameters, - multiply-adds")
    assert "16 random and 500 real images" in blocks[2]
    assert "2 threads of a CPU" in blocks[2]
    assert all(len(line) <= 100 for line in blocks[2].splitlines())


def test_long_names_of_files_stay_whole() -> None:
    report = export_report()
    name = "a_rather_long_name_of_a_student_int8_from_uint8.tflite"
    file = report.models[0].artifacts[0].model_copy(update={"path": name})
    model = report.models[0].model_copy(update={"artifacts": (file,)})
    longer = report.model_copy(update={"models": (model,)})
    assert f"\n{name}  2.3 MB" in text_report(longer)


def test_markdown_has_a_table_for_each_model() -> None:
    page = markdown_report(export_report())
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 * (2 + 3)
    assert len({row.count("|") for row in rows}) == 1
    assert "**t: 13.7 k parameters" in page
