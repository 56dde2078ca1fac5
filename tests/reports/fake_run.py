"""A run folder as a run leaves it, with made-up numbers."""

import csv
import json
import math
from pathlib import Path
from typing import Any, TypeVar

from atsc_keras.records.models import Record
from atsc_keras.records.reading import parse_record

R = TypeVar("R", bound=Record)

PHASES = {"teacher": 30, "student_alone": 30, "distillation": 60}
CONFIG = """\
name: digits_resnet14_resnet8
seed: 0
data:
  source: digits
  batch_size: 64
teacher:
  network: resnet14
  training:
    epochs: 30
"""
ENVIRONMENT = {
    "job": "distill",
    "python": "3.11.2",
    "keras": "3.15.1",
    "backend": "tensorflow",
    "devices": ["cpu:0"],
    "seed": 0,
}


def a_model(network: str, wrong: int, parameters: int) -> dict[str, Any]:
    """A model that answers so many of 360 test images wrongly."""
    return {
        "file": "model.keras",
        "network": network,
        "classes": 10,
        "accuracy": 1.0 - wrong / 360,
        "top5_accuracy": 1.0 - wrong / 3600,
        "loss": 0.0123 * wrong,
        "parameters": parameters,
        "multiply_adds": 71 * parameters,
        "bytes": 4 * parameters + 31_000,
    }


def record(kind: type[R], value: Any) -> R:
    """A record of a file's content."""
    return parse_record(kind, value, Path(kind.file_name))


def metrics_of(teachers: int = 1) -> dict[str, Any]:
    """`metrics.json` of a distillation."""
    names = [f"teacher_{place + 1}" for place in range(teachers)]
    names = ["teacher"] if teachers == 1 else names
    models = {
        name: a_model("resnet14", 4 + 3 * place, 172_506)
        for place, name in enumerate(names)
    }
    models["student_alone"] = a_model("resnet8", 16, 34_410)
    models["student"] = a_model("resnet8", 10, 48_874)
    for place, name in enumerate(names):
        models[f"adapted_{name}"] = a_model("resnet14", 3 + place, 172_506)
    return {
        "name": "digits_resnet14_resnet8",
        "seed": 0,
        "backend": "tensorflow",
        "models": models,
        "gap_closed": 0.5,
        "seconds": {
            **{name: 48.2 for name in names},
            "student_alone": 21.9,
            "distillation": 75.4,
        },
        "startup_seconds": {"to_first_step": 7.25, "first_step": 2.5},
        "peak_memory_bytes": 1_234_000_000,
        "class_names": [str(digit) for digit in range(10)],
        "train_examples": 1437,
        "test_examples": 360,
    }


def history_of(phases: dict[str, int]) -> list[dict[str, Any]]:
    """Rows of `history.csv`: so many epochs of each phase."""
    return [
        _epoch(phase, epoch, epoch / epochs)
        for phase, epochs in phases.items()
        for epoch in range(1, epochs + 1)
    ]


def _epoch(phase: str, epoch: int, done: float) -> dict[str, Any]:
    goal = {"student_alone": 0.955, "distillation": 0.972}.get(phase, 0.99)
    wobble = 0.006 * math.sin(2.7 * epoch) * (1 - done)
    accuracy = goal - 0.75 * math.exp(-9 * done) + wobble
    row = {
        "phase": phase,
        "epoch": epoch,
        "seconds": 1.5,
        "learning_rate": 0.05 * 0.1 ** ((done > 0.6) + (done > 0.85)),
        "accuracy": min(1.0, accuracy + 0.01),
        "loss": 2.3 * math.exp(-5 * done),
        "val_accuracy": accuracy,
    }
    if phase == "distillation":
        row["feature_loss"] = 0.02 + 0.6 * math.exp(-6 * done)
        row["l2sp_loss"] = 0.003 * done**0.5
        row["teacher_loss"] = 0.04 + 0.1 * math.exp(-4 * done)
        row["teacher_accuracy"] = 0.985 + 0.01 * done
        row["teacher_feature_power"] = 1 - 0.12 * done
    return row


def export_report() -> dict[str, Any]:
    """`export_report.json` with one rejected file."""
    rejected = {
        "bytes": 64_512,
        "accepted": False,
        "reason": "logits differ by more than the tolerance",
        "max_difference": 0.162,
        "mean_difference": 0.0321,
        "top1_agreement": 0.994,
    }
    return {
        "keras_version": "3.15.1",
        "threads": 1,
        "calibration_images": 64,
        "seconds": 30.0,
        "tolerance": 1e-4,
        "accepted": False,
        "images": {"random": 16, "real": 64},
        "models": [
            {
                "name": "student",
                "file": "student.keras",
                "parameters": 48_874,
                "multiply_adds": 3_470_054,
                "input_shape": [8, 8, 1],
                "classes": 10,
                "keras": {
                    "bytes": 226_496,
                    "accuracy": 350 / 360,
                    "latency": None,
                },
                "artifacts": [
                    _artifact("saved_model", "saved_model", "tensorflow"),
                    _artifact("tflite", "student.tflite", "ai_edge_litert"),
                    _artifact("onnx", "student.onnx", "onnxruntime"),
                    {
                        **_artifact(
                            "tflite", "student_int8.tflite", "ai_edge_litert"
                        ),
                        "precision": "int8",
                        **rejected,
                    },
                ],
            }
        ],
    }


def _artifact(kind: str, path: str, runtime: str) -> dict[str, Any]:
    return {
        "format": kind,
        "precision": "float32",
        "pixels": "float32",
        "path": path,
        "bytes": 231_784,
        "runtime": runtime,
        "accepted": True,
        "reason": None,
        "max_difference": 2.9e-6,
        "mean_difference": 8.1e-7,
        "top1_agreement": 1.0,
        "accuracy": 350 / 360,
    }


def write_run(
    folder: Path,
    metrics: dict[str, Any],
    history: list[dict[str, Any]],
    exported: dict[str, Any] | None = None,
) -> Path:
    """Write the records of a run to a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "environment.json").write_text(json.dumps(ENVIRONMENT))
    (folder / "metrics.json").write_text(json.dumps(metrics))
    names = list(dict.fromkeys(key for row in history for key in row))
    with open(folder / "history.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(history)
    if exported:
        (folder / "export").mkdir()
        path = folder / "export" / "export_report.json"
        path.write_text(json.dumps(exported))
    return folder
