"""Images with the logits that Keras gives them, for clients without Keras.

    python -m tools.cases student.keras samples.npz cases.json

writes `{"shape": [N, H, W, C], "images": [...], "logits": [[...], ...]}`.
"""

import argparse
import json
from pathlib import Path

import numpy as np

LIMIT = 1e-4  # of a logit, as the exporter's own comparison has it


def write_cases(path: Path, images: np.ndarray, logits: np.ndarray) -> None:
    """Write images `(N, H, W, C)` and logits `(N, classes)` as JSON."""
    cases = {
        "shape": list(images.shape),
        "images": images.ravel().tolist(),
        "logits": logits.tolist(),
    }
    path.write_text(json.dumps(cases), "utf-8")


def read_cases(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The images and logits of a file by `write_cases`."""
    cases = json.loads(path.read_text("utf-8"))
    images = np.array(cases["images"]).reshape(cases["shape"])
    return images, np.array(cases["logits"])


def main() -> None:
    import keras

    parser = argparse.ArgumentParser(prog="python -m tools.cases")
    parser.add_argument("model", help="a .keras file")
    parser.add_argument("images", help="npz file with an array `x_test`")
    parser.add_argument("cases", type=Path, help="JSON file to write")
    parser.add_argument("--count", type=int, default=64)
    arguments = parser.parse_args()
    model = keras.models.load_model(arguments.model, compile=False)
    with np.load(arguments.images) as arrays:
        images = arrays["x_test"][: arguments.count]
    logits = model(images.astype("float32"), training=False)
    write_cases(arguments.cases, images, keras.ops.convert_to_numpy(logits))


if __name__ == "__main__":
    main()
