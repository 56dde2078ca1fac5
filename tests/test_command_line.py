"""The command line: what it prints, and how it refuses."""

import re
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from keras import layers

from tests.full_disk import largest_file
from tests.markers import ONCE
from tests.tiny_experiment import PUBLISHED, write_config, write_data


def run(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
    *arguments: object,
) -> tuple[int, str, str]:
    """Run a command in this process: exit status, output, errors."""
    words = ["atsc_keras", *map(str, arguments)]
    monkeypatch.setattr(sys, "argv", words)
    status = 0
    try:
        runpy.run_module("atsc_keras", run_name="__main__")
    except SystemExit as end:
        status = int(end.code or 0)
    captured = capfd.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> object:
    return lambda *words: run(monkeypatch, capfd, *words)


def test_train_then_evaluate_prints_the_scores(
    command: object, tmp_path: Path
) -> None:
    config = write_config(tmp_path, epochs=1)
    status, out, _ = command(
        "train", config, "--role", "student", "--run-dir", tmp_path / "run"
    )
    assert status == 0
    assert "Student alone" in out
    assert f"Report: {tmp_path / 'run' / 'report.html'}" in out
    status, out, _ = command(
        "evaluate", config, "--model", tmp_path / "run" / "model.keras"
    )
    assert status == 0
    assert re.search(r"top5_accuracy +1\.0000", out)
    assert re.search(r"multiply_adds +\d+", out)
    refuse(
        command,
        "Received: seed=5",
        *("evaluate", tmp_path / "run", "seed=5"),
    )
    status, out, _ = command("evaluate", tmp_path / "run")
    assert status == 0
    assert "Student alone" in out


def refuse(command: object, message: str, *words: object) -> str:
    """Expect exit status 2 and one message, and nothing written."""
    status, _, err = command(*words)
    message_lines = [line for line in err.splitlines() if "Error" in line]
    assert status == 2, err
    assert re.search(message, err), err
    assert "Traceback" not in err
    assert len(message_lines) == 1
    assert "Received: " in err
    return err


def test_all_mistakes_of_a_file_come_at_once(
    command: object, tmp_path: Path
) -> None:
    path = write_config(tmp_path, distilation={})
    config = yaml.safe_load(path.read_text())
    config["data"]["batch_size"] = "many"
    del config["distillation"]
    path.write_text(yaml.safe_dump(config))
    err = refuse(command, "3 mistakes", "distill", path)
    assert "Did you mean `distillation`?" in err
    assert "data.batch_size" in err


def test_networks_that_cannot_be_built_leave_no_run_folder(
    command: object, tmp_path: Path
) -> None:
    path = write_config(tmp_path, networks=PUBLISHED)
    refuse(
        command,
        "Nearest: resnet",
        *("train", path, "teacher.network=resnt8"),
        *("--run-dir", tmp_path / "run"),
    )
    refuse(
        command,
        "reduction=99",
        *("distill", path, "distillation.reduction=99"),
        *("--run-dir", tmp_path / "run"),
    )
    assert not (tmp_path / "run").exists()


def test_missing_config_is_one_message(command: object) -> None:
    refuse(command, "must exist", "distill", "nowhere.yaml")
    refuse(command, "must exist", "evaluate", "runs/nowhere")


def test_unknown_backend_is_one_message(
    command: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    config = write_config(tmp_path)
    refuse(command, "one of tensorflow, jax, torch", "train", config)


@ONCE
def test_run_folder_is_named_after_config_and_role(
    command: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path, epochs=1)
    monkeypatch.chdir(tmp_path)
    for role in ("teacher", "student"):
        status, out, err = command("train", config, "--role", role)
        assert status == 0, err
        assert f"Report: runs/tiny_{role}/report.html" in out
    refuse(
        command, "Give one of them", "train", config, "--resume", "--overwrite"
    )


def test_unwritable_run_folder_is_one_message(
    command: object, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    refuse(
        command,
        "must be writable",
        *("train", write_config(tmp_path)),
        *("--run-dir", tmp_path / "file" / "run"),
    )


@ONCE
def test_full_disk_is_one_message(command: object, tmp_path: Path) -> None:
    config = write_config(tmp_path, epochs=1)
    words = ("train", config, "--role", "student", "--run-dir")
    with largest_file(10_000):
        status, _, err = command(*words, tmp_path / "run")
    assert status == 1
    assert "Traceback" not in err
    assert re.search(
        r"^Error: A run must be able to write its files. Received: "
        r".*epoch-00001.npz \(File too large\)",
        err,
        re.MULTILINE,
    ), err


def test_batch_larger_than_the_data_is_one_message(
    command: object, tmp_path: Path
) -> None:
    path = write_config(tmp_path)
    refuse(
        command,
        "batch_size",
        *("train", path, "data.batch_size=4096"),
        *("--run-dir", tmp_path / "run"),
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "damaged"])
def test_unreadable_teacher_is_one_message(
    kind: str, command: object, tmp_path: Path
) -> None:
    teacher = tmp_path / "teacher.keras"
    if kind != "missing":
        x = keras.Input((8, 8, 3))
        y = layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
        keras.Model(x, y).save(teacher)
        whole = teacher.read_bytes()
        middle = len(whole) // 2
        damaged = whole[:middle] + b"damage" + whole[middle + 6 :]
        contents = {"text": b"text", "truncated": whole[:-300]}
        teacher.write_bytes(contents.get(kind, damaged))
    refuse(
        command,
        "A saved model must be",
        *("distill", write_config(tmp_path), f"teacher.weights={teacher}"),
        *("--run-dir", tmp_path / "run"),
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("shape", "classes", "message"),
    [((9, 9, 3), 3, "images of the data"), ((8, 8, 3), 2, "class of the m")],
)
def test_teacher_that_does_not_fit_the_data_is_one_message(
    shape: tuple, classes: int, message: str, command: object, tmp_path: Path
) -> None:
    x = keras.Input(shape)
    features = layers.Conv2D(4, 3)(x)
    y = layers.Dense(classes)(layers.GlobalAveragePooling2D()(features))
    keras.Model(x, y).save(tmp_path / "teacher.keras")
    refuse(
        command,
        message,
        *("distill", write_config(tmp_path)),
        f"teacher.weights={tmp_path / 'teacher.keras'}",
        *("--run-dir", tmp_path / "run"),
    )


def test_samples_of_any_data_are_written_once(
    command: object, tmp_path: Path
) -> None:
    path = write_config(tmp_path)
    out = tmp_path / "samples.npz"
    status, said, _ = command("samples", path, "--out", out)
    assert status == 0 and f"Samples: {out}" in said
    with np.load(out) as found, np.load(tmp_path / "data.npz") as data:
        known = {image.tobytes() for image in data["x_train"]}
        assert {image.tobytes() for image in found["x_train"]} <= known
        assert sorted(found["y_test"]) == sorted(data["y_test"])
    before = out.read_bytes()
    refuse(command, "is there already", "samples", path, "--out", out)
    refuse(
        command, "a new `.npz` file", "samples", path, "--out", tmp_path / "s"
    )
    assert out.read_bytes() == before


def test_broken_data_is_one_message(command: object, tmp_path: Path) -> None:
    path = write_config(tmp_path)
    write_data(tmp_path).write_bytes(b"no npz")
    refuse(command, "npz", "train", path, "--run-dir", tmp_path / "run")


def test_labels_outside_the_classes_are_one_message(
    command: object, tmp_path: Path
) -> None:
    path = write_config(tmp_path)
    images = np.full((8, 8, 8, 3), 9, "uint8")
    np.savez(
        tmp_path / "data.npz",
        x_train=images,
        y_train=[0, 1, 0, 1, 0, 1, 0, 1],
        x_test=images,
        y_test=[0, 1, 0, 1, 0, 1, 0, 7],
    )
    refuse(
        command,
        "7",
        *("train", path, "data.batch_size=4"),
        *("--run-dir", tmp_path / "run"),
    )


@ONCE  # its steps are tested on every backend
def test_benchmark_prints_a_table(command: object, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    words = ["--steps", 2, "--no-memory", "--batch-size", 8]
    words += ["--precision", "mixed_float16"]
    run_dir = tmp_path / "run"
    status, out, _ = command("benchmark", config, *words, "--run-dir", run_dir)
    assert status == 0
    assert "ATSC, last stage" in out and "batches of 8 images" in out
    assert "mixed_float16, jit_compile=auto" in " ".join(out.split())
    assert f"Figures: {run_dir / 'benchmark.json'}" in out
    assert (run_dir / "benchmark.md").is_file()


@ONCE  # its methods are tested on every backend
def test_compare_prints_a_table_and_goes_on(
    command: object, tmp_path: Path
) -> None:
    config = write_config(tmp_path, epochs=1)
    words = ("compare", config, "--run-dir", tmp_path / "run")
    status, out, _ = command(*words, "--methods", "student")
    assert status == 0
    assert re.search(r"Student alone +\d+\.\d %", out)
    status, out, _ = command(
        *words, "--methods", "student, atsc", "--seeds", "0", "--resume"
    )
    assert status == 0
    assert re.search(r"ATSC +\d+\.\d %", out)
    assert f"Report: {tmp_path / 'run' / 'report.html'}" in out


def test_compare_refuses_wrong_words(command: object, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    refuse(command, "--seeds=a", "compare", config, "--seeds", "a")
    refuse(command, "Nearest: kd", "compare", config, "--methods", "kdd")


def test_evaluate_without_model_says_what_it_needs(
    command: object, tmp_path: Path
) -> None:
    refuse(command, "Add --model", "evaluate", write_config(tmp_path))
    refuse(command, "no metrics.json", "evaluate", tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    refuse(command, "as the run wrote them", "evaluate", tmp_path)
