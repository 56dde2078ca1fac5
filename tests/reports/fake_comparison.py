"""What `comparison.json` holds, made up."""

from typing import Any

from atsc_keras.records.comparisons import Comparison
from tests.reports.fake_run import record


def comparison_of(**accuracies: list[float]) -> Comparison:
    """The same as a record."""
    return record(Comparison, summary_of(**accuracies))


def summary_of(**accuracies: list[float]) -> dict[str, Any]:
    def runs(shares: list[float]) -> dict[str, Any]:
        count = len(shares)
        return {
            "seed": list(range(count)),
            "accuracy": shares,
            "top5_accuracy": [1.0] * count,
            "loss": [None] * count,
            "best_accuracy": shares,
            "parameters": [1000] * count,
            "multiply_adds": [2000] * count,
            "seconds_per_epoch": [len(accuracies) * 1.0] * count,
            "curve": [[0.1, 0.5, share] for share in shares],
            "adaptation": [None] * count,
        }

    return {
        "name": "made",
        "student": "small",
        "backend": "tensorflow",
        "train_examples": 6000,
        "test_examples": 1000,
        "teachers": {
            "teacher": {
                "file": "teacher.keras",
                "network": "big",
                "classes": 10,
                "loss": 0.3,
                "bytes": 20000,
                "accuracy": 0.9,
                "top5_accuracy": 1.0,
                "parameters": 5000,
                "multiply_adds": 9000,
            }
        },
        "methods": {name: runs(shares) for name, shares in accuracies.items()},
        "diverged": {},
        "learning_rates": {},
    }
