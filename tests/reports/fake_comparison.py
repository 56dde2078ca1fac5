"""What `comparison.json` holds, made up."""

from typing import Any


def summary_of(**accuracies: list[float]) -> dict[str, Any]:
    def runs(shares: list[float]) -> dict[str, Any]:
        count = len(shares)
        return {
            "seed": list(range(count)),
            "accuracy": shares,
            "top5_accuracy": [1.0] * count,
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
        "test_examples": 1000,
        "teachers": {
            "teacher": {
                "network": "big",
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
