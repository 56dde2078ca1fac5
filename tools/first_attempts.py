"""What a first attempt gives, without any tuning: a table, by a command.

    python -m tools.first_attempts --work DIR [--photos DIR] [--mobilenet FILE]
        [--cifar100 FILE] [--resnet56 FILE] [--fashion DIR] [NAME ...]

Each situation has a trained teacher, a student and few pictures. The student
is trained alone, and by the lines that README prints: with the defaults of
`ATSC`, and with the settings that the method was published with. All take the
same optimizer, epochs, pictures and seeds. What is not given is skipped by
name; what was done is kept in `DIR/attempts.jsonl` and not done again.

    --photos: a folder of train/CLASS and test/CLASS, such as Imagenette
    --mobilenet: ImageNet weights of `keras.applications.MobileNet`, alpha 0.75
    --cifar100: an npz file of x_train, y_train, x_test, y_test
    --resnet56: a `.keras` file of a network trained on it
    --fashion: Fashion-MNIST, by default where Debian's package has it
    --seeds, --old-seeds: how many, and how many of the published settings
    --held-out: judge by a part of the training pictures, to choose defaults
    --keep: write the record and the guide's page
    --arm NAME=JSON: one more way, {"atsc": {...}, "compile": {...}}
"""

import argparse
import json
import math
import re
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.reports.tables import markdown_table
from tools.situations import SITUATIONS, Pictures, Situation

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "configs/results/first_attempts.jsonl"
PAGE = ROOT / "docs/guide/first_attempt.md"
BEGIN = "<!-- attempts: written by tools/first_attempts.py -->"
END = "<!-- end of attempts -->"
SEEDS = (0, 1, 2)
OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(1e-3),
}
ALONE = "alone"
PUBLISHED, DEFAULT = "published", "default"
ARMS: dict[str, dict[str, Any]] = {
    PUBLISHED: {
        "atsc": {
            "feature_loss": "mse",
            "student_loss_weight": 0.0,
            "logits_loss_weight": 0.0,
            "reduction": 2,
        },
        "compile": {"teacher_rate": 1.0},
    },
    DEFAULT: {},
}


# === An attempt ===


def shares_right(model: keras.Model, pictures: Pictures) -> float:
    images, labels = pictures.judged
    answers = model.predict(images, verbose=0).argmax(axis=-1)
    return float(np.mean(answers == labels))


def teacher_of(
    situation: Situation, given: argparse.Namespace, pictures: Pictures
) -> keras.Model:
    """Load a situation's teacher, trained once for all attempts."""
    name = "".join(x if x.isalnum() else "_" for x in situation.name.lower())
    path = given.work / f"{name}{'_held_out' * given.held_out}.keras"
    if not path.exists():
        keras.utils.set_random_seed(0)
        shape = pictures.train[0].shape[1:]
        teacher = situation.teacher(given, shape, pictures.classes)
        if situation.teacher_epochs:
            rate = 3e-4 if "mobilenet" in situation.needs else 1e-3
            data, epochs = pictures.of_teacher, situation.teacher_epochs
            _train(teacher, "adam", epochs, data, rate)
        teacher.save(path)
    return keras.models.load_model(path, compile=False)


def _train(
    model: keras.Model,
    optimizer: str,
    epochs: int,
    data: tuple[np.ndarray, np.ndarray],
    rate: float | None = None,
) -> None:
    """Train on the labels alone."""
    made = OPTIMIZERS[optimizer]()
    if rate is not None:
        made.learning_rate = rate
    sums = model.predict(data[0][:8], verbose=0).sum(axis=-1)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=not np.allclose(sums, 1, atol=1e-4)
    )
    model.compile(made, loss)
    model.fit(*data, epochs=epochs, verbose=0)


def attempt(
    situation: Situation,
    given: argparse.Namespace,
    pictures: Pictures,
    arm: str,
    optimizer: str,
    epochs: int,
    seed: int,
) -> dict[str, Any]:
    """Train one student, alone or by one way of `ATSC`."""
    teacher = teacher_of(situation, given, pictures)
    before = shares_right(teacher, pictures)
    keras.utils.set_random_seed(seed)
    shape = pictures.train[0].shape[1:]
    student = situation.student(shape, pictures.classes)
    start = time.perf_counter()
    found: dict[str, Any] = {"teacher": before}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if arm == ALONE:
            _train(student, optimizer, epochs, pictures.train)
            trained = student
        else:
            settings = given.arms[arm]
            atsc = ATSC(teacher, student, **settings.get("atsc", {}))
            own = OPTIMIZERS[optimizer]()
            atsc.compile(own, **settings.get("compile", {}))
            atsc.fit(*pictures.train, epochs=epochs, verbose=0)
            trained = atsc.student.to_functional()
            found["teacher_after"] = shares_right(atsc.teacher, pictures)
    found["seconds"] = round(time.perf_counter() - start, 1)
    found["accuracy"] = shares_right(trained, pictures)
    found["parameters"] = trained.count_params()
    found["warnings"] = [
        str(x.message)[:60] for x in said if x.category is UserWarning
    ]
    return found


# === Every attempt, and the table ===


def attempts(
    given: argparse.Namespace, situation: Situation
) -> Iterator[dict[str, Any]]:
    """Name what is to be tried in a situation."""
    for optimizer in OPTIMIZERS:
        for epochs in situation.epochs:
            for arm in (ALONE, *given.arms):
                old = arm == PUBLISHED
                for seed in SEEDS[: given.old_seeds if old else given.seeds]:
                    yield {
                        "arm": arm,
                        "optimizer": optimizer,
                        "epochs": epochs,
                        "seed": seed,
                    }


def run(given: argparse.Namespace, situation: Situation) -> None:
    """Do what a file of attempts lacks."""
    path = given.work / "attempts.jsonl"
    done = [json.loads(line) for line in _lines(path)]
    known = [{k: row[k] for k in _KEYS} for row in done]
    pictures = None
    for asked in attempts(given, situation):
        key = {"situation": situation.name, "held_out": given.held_out, **asked}
        if key in known:
            continue
        pictures = pictures or Pictures.of(situation, given)
        row = {**key, **attempt(situation, given, pictures, **asked)}
        print(json.dumps(row), flush=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(row)}\n")
        keras.backend.clear_session()


_KEYS = ("situation", "held_out", "arm", "optimizer", "epochs", "seed")


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def table(rows: list[dict[str, Any]], arms: list[str]) -> str:
    """Write accuracies by situation, and how far ahead of the student alone.

    Args:
        rows: of attempts.
        arms: beside the student alone, in the order of the columns.

    Returns:
        A Markdown table; gains are paired by seed, with their standard error.
    """
    heading = ["Situation", "Optimizer, epochs", ALONE, *arms]
    lines, pooled, means = [], defaultdict(list), []
    cells = defaultdict(lambda: defaultdict(list))
    for row in rows:
        name = f"{row['optimizer']}, {row['epochs']}"
        cells[row["situation"], name][row["arm"]].append(row)
    for (situation, name), own in cells.items():
        gains = paired(own[ALONE], own[DEFAULT])
        pooled[situation] += gains
        means.append(np.mean(gains))
        shown = [_accuracy(own[arm]) for arm in (ALONE, *arms)]
        shown += [_with_error(gains), _moved(own[DEFAULT])]
        lines.append([situation, name, *shown])
    for situation, gains in pooled.items():
        empty = ["", *[""] * len(arms)]
        lines.append([situation, "all", *empty, _with_error(gains), ""])
    text = markdown_table([*heading, "Gain of default", "Teacher moved"], lines)
    return f"{text}\n\nMean gain over all cells: {np.mean(means):+.1f}."


def _accuracy(rows: list[dict[str, Any]]) -> str:
    values = [100 * row["accuracy"] for row in rows]
    return f"{np.mean(values):.1f}" if values else "-"


def page_with(rows: list[dict[str, Any]]) -> str:
    """Write the page of the guide with the table of a record."""
    text = f"{BEGIN}\n\n{table(rows, [PUBLISHED, DEFAULT])}\n\n{END}"
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    page = PAGE.read_text("utf-8")
    return re.sub(pattern, lambda _: text, page, flags=re.DOTALL)


def paired(
    alone: list[dict[str, Any]], taught: list[dict[str, Any]]
) -> list[float]:
    """Subtract accuracies, in points, of attempts of one seed."""
    by_seed = {row["seed"]: row["accuracy"] for row in alone}
    return [
        100 * (row["accuracy"] - by_seed[row["seed"]])
        for row in taught
        if row["seed"] in by_seed
    ]


def _with_error(gains: list[float]) -> str:
    if len(gains) < 2:
        return "-"
    error = np.std(gains, ddof=1) / math.sqrt(len(gains))
    return f"{np.mean(gains):+.1f} ± {error:.1f}"


def _moved(rows: list[dict[str, Any]]) -> str:
    moved = [100 * (row["teacher_after"] - row["teacher"]) for row in rows]
    return f"{min(moved):+.1f} to {max(moved):+.1f}" if moved else "-"


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    for name in ("photos", "mobilenet", "cifar100", "resnet56"):
        parser.add_argument(f"--{name}")
    parser.add_argument(
        "--fashion", default="/usr/share/datasets/fashion-mnist"
    )
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--old-seeds", type=int, default=len(SEEDS))
    parser.add_argument("--arm", action="append", default=[])
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args(words)
    added = dict(text.split("=", 1) for text in given.arm)
    given.arms = {**ARMS, **{k: json.loads(v) for k, v in added.items()}}
    given.work.mkdir(parents=True, exist_ok=True)
    for situation in SITUATIONS:
        if given.names and not any(x in situation.name for x in given.names):
            continue
        missing = [
            f"--{name}"
            for name in situation.needs
            if not getattr(given, name)
            or not Path(getattr(given, name)).exists()
        ]
        if missing:
            print(f"{situation.name}: skipped without {', '.join(missing)}")
            continue
        run(given, situation)
    rows = [json.loads(x) for x in _lines(given.work / "attempts.jsonl")]
    rows = [row for row in rows if row["held_out"] == given.held_out]
    print(table(rows, [*given.arms]))
    if given.keep:
        kept = [row for row in rows if row["arm"] in (ALONE, *ARMS)]
        RECORD.write_text("".join(f"{json.dumps(x)}\n" for x in kept), "utf-8")
        PAGE.write_text(page_with(kept), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
