"""The report of a run, from its records alone."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from atsc_keras.records.exports import ExportReport
from atsc_keras.records.models import Metrics
from atsc_keras.reports.report import renew_report
from atsc_keras.reports.run import summary_table
from tests.reports.fake_run import (
    PHASES,
    export_report,
    history_of,
    metrics_of,
    record,
    write_run,
)

FIGURES = {
    "test_errors",
    "accuracy",
    "distillation_losses",
    "teacher_adaptation",
    "learning_rate",
}


class Page(HTMLParser):
    """What a page shows, and what it asks a browser to load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.words: list[str] = []
        self.in_style = False
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.tags.append(tag)
        self.in_style = tag == "style"
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href"):
                self.references.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.in_style = False

    def handle_data(self, data: str) -> None:
        if not self.in_style:
            self.words.append(data)


def report_of(run_dir: Path) -> Page:
    return Page(renew_report(run_dir).read_text("utf-8"))


def test_first_step_is_told_in_seconds(run_dir: Path) -> None:
    text = report_of(run_dir).text
    assert "7.2 s after the start, of which it took 2.5 s" in text


def without(metrics: dict[str, Any], *roles: str) -> dict[str, Any]:
    for role in roles:
        del metrics["models"][role]
    return {**metrics, "gap_closed": None}


def test_report_needs_no_framework() -> None:
    code = (
        "import sys, atsc_keras.reports.report; "
        "sys.exit(any(name in sys.modules for name in "
        "('keras', 'tensorflow', 'jax', 'torch', 'matplotlib.pyplot')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_report_states_the_result_and_what_one_image_weighs(
    run_dir: Path,
) -> None:
    text = report_of(run_dir).text

    # 360 test images: 4, 16 and 10 wrong.
    assert (
        "The distilled student gets 97.2 % of the test images right; the "
        "student trained alone 95.6 %, the teacher 98.9 %. Distillation "
        "closed 50 % of the gap." in text
    )
    assert "one seed (0)" in text
    assert "360 test images: 1 image = 0.28 points." in text
    assert "Distilled and alone differ by 6 images." in text


def test_report_shows_sizes_files_config_and_environment(run_dir: Path) -> None:
    text = report_of(run_dir).text

    # 48,874 parameters against 172,506 of the teacher.
    assert "Student distilled resnet8 97.2 % 99.7 % 0.1230 48.9 k 0.28×" in text
    assert (
        "student.onnx onnx float32 accepted onnxruntime 231.8 kB 2.9e-06"
        in text
    )
    assert (
        "rejected logits differ by more than the tolerance 64.5 kB 1.6e-01 "
        "3.2e-02 99.4 %" in text
    )
    assert "network: resnet14" in text
    assert 'devices ["cpu:0"]' in text
    assert "2 min 26 s (teacher 48 s, student alone 22 s," in text


def test_report_loads_nothing_and_its_ids_are_unique(run_dir: Path) -> None:
    html = renew_report(run_dir).read_text("utf-8")
    page = Page(html)

    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.tags.count("svg") == len(FIGURES)
    assert "http" not in html
    assert "@import" not in html
    assert len(page.ids) == len(set(page.ids))
    targets = {f"#{name}" for name in page.ids}
    assert set(page.references) <= targets
    assert set(re.findall(r"url\(([^)]*)\)", html)) <= targets


def test_figures_are_files_with_real_text_and_a_dark_form(
    run_dir: Path,
) -> None:
    renew_report(run_dir)

    files = sorted((run_dir / "figures").iterdir())
    assert {path.stem for path in files} == FIGURES
    for path in files:
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.findall(".//{*}text")
        svg = path.read_text("utf-8")
        painted = set(re.findall(r"(?:fill|stroke): #\w{6}", svg))
        darkened = set(re.findall(r'\[style\*="([^"]*)"\]', svg))
        assert painted and painted <= darkened
        # Light text on the white of a browser would not be seen.
        assert len(re.findall(r"svg{background:#\w{6}}", svg)) == 2


def test_names_are_escaped(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script> & $\\frac$"
    metrics = metrics_of()
    metrics["name"] = evil
    metrics["class_names"] = [evil, "b"]
    metrics["models"]["teacher"]["network"] = evil
    exported = export_report()
    exported["models"][0]["artifacts"][0].update(
        path=f"out/{evil}", reason=evil
    )
    history = history_of({"<b>$x$</b>": 3, "distillation": 3})
    run_dir = write_run(tmp_path, metrics, history, exported)
    (run_dir / "config.yaml").write_text("data: {source: '</pre><b>'}\n")

    page = report_of(run_dir)

    assert not {"script", "b"} & set(page.tags)
    assert evil in page.text
    assert "</pre><b>" in page.text


def test_same_records_give_the_same_bytes(
    tmp_path: Path, run_dir: Path
) -> None:
    other = write_run(
        tmp_path / "b", metrics_of(), history_of(PHASES), export_report()
    )
    written = [renew_report(folder).parent for folder in (run_dir, other)]

    for name in ("report.html", *(f"figures/{name}.svg" for name in FIGURES)):
        first, second = ((folder / name).read_bytes() for folder in written)
        assert first == second
    before = (run_dir / "report.html").read_bytes()
    assert renew_report(run_dir).read_bytes() == before


def test_run_without_export_or_baseline_has_a_report(tmp_path: Path) -> None:
    metrics = without(metrics_of(), "student_alone", "adapted_teacher")
    run_dir = write_run(tmp_path, metrics, history_of({"distillation": 2}))

    page = report_of(run_dir)

    assert "Exported files" not in page.text
    assert "gap" not in page.text.lower()
    assert "right; the teacher 98.9 %." in page.text


def test_plain_training_has_a_report_of_its_one_model(tmp_path: Path) -> None:
    roles = [role for role in metrics_of()["models"] if role != "student_alone"]
    metrics = without(metrics_of(), *roles)
    run_dir = write_run(tmp_path, metrics, history_of({"student_alone": 1}))

    text = report_of(run_dir).text

    assert "The student alone gets 95.6 % of the test images right." in text
    names = {path.stem for path in (run_dir / "figures").iterdir()}
    assert names == {"accuracy", "learning_rate"}


def test_several_teachers_are_compared_with_the_best(tmp_path: Path) -> None:
    metrics = metrics_of(teachers=2)
    metrics["models"]["teacher_2"]["accuracy"] = 0.995
    metrics["models"]["teacher_2"]["parameters"] = 345_012
    phases = {"teacher_1": 3, "teacher_2": 3, "distillation": 3}

    text = report_of(write_run(tmp_path, metrics, history_of(phases))).text

    assert "the teachers 98.9 % and 99.5 %" in text
    assert re.search(r"Teacher 1 resnet14 [^×]* 172\.5 k 0\.50×", text)
    assert "Adapted teacher 2 resnet14" in text


@pytest.mark.parametrize(
    "text",
    [
        "phase,epoch,seconds\n",
        "phase,epoch,seconds,val_accuracy\na,1,2.0,inf\n",
    ],
)
def test_history_without_curves_has_a_report(run_dir: Path, text: str) -> None:
    (run_dir / "history.csv").write_text(text)

    assert "Test errors" in report_of(run_dir).text
    assert len(list((run_dir / "figures").iterdir())) == 1


def test_summary_table_says_the_same_as_the_report(run_dir: Path) -> None:
    metrics = record(Metrics, metrics_of())
    exported = record(ExportReport, export_report())
    table = " ".join(summary_table(metrics, exported).split())
    page = report_of(run_dir).text

    assert "Student distilled resnet8 97.2 % 99.7 % 48.9 k 0.28x" in table
    for sentence in (
        "Distillation closed 50 % of the gap.",
        "360 test images: 1 image = 0.28 points.",
    ):
        assert sentence in table
        assert sentence in page
