"""The report of an export, as words and numbers."""

import copy
from typing import Any

from export.table import markdown_report, text_report


def test_what_distillation_added_is_told() -> None:
    with_alone = report()
    alone = copy.deepcopy(with_alone["models"][0])
    alone["name"] = "student_alone"
    alone["artifacts"][0]["bytes"] -= 345_678
    alone["artifacts"][0]["latency"]["1"]["min_ms"] = 0.4
    with_alone["models"][1] = alone
    expected = (
        "Projector and shared classifier: 345.7 kB of s.onnx (0.11 of 0.51 ms)"
    )
    assert expected in text_report(with_alone)
    assert expected in markdown_report(with_alone)
    assert "Projector" not in text_report(report())


def report() -> dict[str, Any]:
    timed = {"min_ms": 0.51234, "median_ms": 12.34, "runs": 9}
    latency = {"1": timed, "32": timed}
    good = {
        "format": "onnx",
        "precision": "float32",
        "pixels": "float32",
        "path": "s.onnx",
        "bytes": 2_345_678,
        "max_difference": 2.9e-6,
        "mean_difference": 1e-7,
        "top1_agreement": 1.0,
        "accuracy": 0.5,
        "latency": latency,
        "accepted": True,
        "reason": None,
    }
    bad = {
        **dict.fromkeys(good),
        "format": "tflite",
        "precision": "int8",
        "pixels": "float32",
        "path": "s.tflite",
        "bytes": 0,
        "accepted": False,
        "reason": "not written: layer x",
    }
    model = {
        "name": "s",
        "file": "s.keras",
        "parameters": 13_720,
        "multiply_adds": 6_590_000,
        "keras": {"bytes": 900, "accuracy": 0.5, "latency": latency},
        "artifacts": [good, bad],
    }
    return {
        "images": {"random": 16, "real": 500},
        "threads": 2,
        "models": [model, {**model, "name": "t", "multiply_adds": None}],
    }


def test_text_is_aligned_and_says_why() -> None:
    blocks = text_report(report()).split("\n\n")
    heading, *lines, reason = blocks[0].splitlines()
    assert heading == "s: 13.72 k parameters, 6.59 M multiply-adds"
    assert len({len(line) for line in lines}) == 1
    cells = " ".join(lines[2].split())
    assert cells == (
        "s.onnx 2.35 MB 2.9e-06 1.0e-07 100.0 % 50.0 % "
        "0.512 (12.3) 0.512 (12.3) accepted"
    )
    assert lines[3].split() == ["s.tflite", "0.0", "kB", *"------", "rejected"]
    assert reason == "s.tflite: not written: layer x"
    assert blocks[1].startswith("t: 13.72 k parameters, - multiply-adds")
    assert "16 random and 500 real images" in blocks[2]
    assert "2 threads of a CPU" in blocks[2]


def test_markdown_has_a_table_for_each_model() -> None:
    page = markdown_report(report())
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 * (2 + 3)
    assert len({row.count("|") for row in rows}) == 1
    assert "**t: 13.72 k parameters" in page
