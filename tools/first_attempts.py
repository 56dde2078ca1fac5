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
    --arm NAME=JSON: one more way, {"atsc": {...}, "compile": {...}}
"""

import argparse
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from atsc_keras.config import DataConfig
from atsc_keras.data import load_dataset
from atsc_keras.distillation.atsc import ATSC

SEEDS = (0, 1, 2)
EPOCHS = (5, 15)
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
TEST_IMAGES = 2000


@dataclass(frozen=True)
class Situation:
    """What somebody has before the first attempt.

    Attributes:
        name: of the situation.
        data: of which pictures, `classes` among its keys.
        train_images: how many of them, at most.
        teacher: its network, trained or not; `None` with `file`.
        student: image shape and classes -> its network.
        needs: what the command must be given.
        epochs: to try.
        teacher_epochs: to train a teacher for; 0 if it is trained.
    """

    name: str
    data: Callable[[argparse.Namespace], dict[str, Any]]
    train_images: int
    teacher: Callable[[argparse.Namespace, tuple, int], keras.Model]
    student: Callable[[tuple, int], keras.Model]
    needs: tuple[str, ...] = ()
    epochs: tuple[int, ...] = EPOCHS
    teacher_epochs: int = 0


# === Networks, as their users write them ===


def cnn(*widths: int) -> Callable[[tuple, int], keras.Model]:
    """Convolutions of some widths; between two of them the map is halved."""

    def build(shape: tuple, classes: int) -> keras.Model:
        model = keras.Sequential(
            [keras.Input(shape), layers.Rescaling(1 / 255)]
        )
        for index, width in enumerate(widths):
            strides = 2 if index else 1
            model.add(layers.Conv2D(width, 3, strides, "same", use_bias=False))
            model.add(layers.BatchNormalization())
            model.add(layers.ReLU())
        model.add(layers.GlobalAveragePooling2D())
        model.add(layers.Dense(classes, activation="softmax"))
        return model

    return build


def residual(*widths: int) -> Callable[[Any, tuple, int], keras.Model]:
    """A functional model of two residual blocks a width."""

    def build(given: Any, shape: tuple, classes: int) -> keras.Model:
        images = keras.Input(shape)
        x = layers.Rescaling(1 / 255)(images)
        for stage, width in enumerate(widths):
            for block in range(2):
                strides = 2 if stage and not block else 1
                y = layers.Conv2D(width, 3, strides, "same")(x)
                y = layers.ReLU()(layers.BatchNormalization()(y))
                y = layers.Conv2D(width, 3, padding="same")(y)
                y = layers.BatchNormalization()(y)
                if y.shape != x.shape:
                    x = layers.Conv2D(width, 1, strides)(x)
                x = layers.ReLU()(layers.Add()([x, y]))
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation="softmax")(x)
        return keras.Model(images, x)

    return build


def vision_transformer(given: Any, shape: tuple, classes: int) -> keras.Model:
    """Four layers of width 64 over patches of 4 pixels."""
    images = keras.Input(shape)
    x = layers.Rescaling(1 / 127.5, -1)(images)
    x = layers.Conv2D(64, 4, 4)(x)
    x = layers.Reshape((-1, 64))(x)
    places = keras.ops.arange(x.shape[1])
    x = x + layers.Embedding(x.shape[1], 64)(places)
    for _ in range(4):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 16)(y, y)
        y = layers.LayerNormalization()(x)
        x = x + layers.Dense(64)(layers.Dense(128, activation="gelu")(y))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(images, layers.Dense(classes)(x))


def pretrained(
    given: argparse.Namespace, shape: tuple, classes: int
) -> keras.Model:
    """A MobileNet of ImageNet with a new head for these pictures."""
    make = keras.applications.MobileNet
    whole = make((224, 224, 3), 0.75, weights=None)
    whole.load_weights(given.mobilenet)
    body = make(shape, 0.75, weights=None, include_top=False)
    loaded = {layer.name: layer for layer in whole.layers}
    for layer in body.layers[1:]:
        layer.set_weights(loaded[layer.name].get_weights())
    images = keras.Input(shape)
    x = body(layers.Rescaling(1 / 127.5, -1)(images))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(classes)(x))


def mobilenet_v3(shape: tuple, classes: int) -> keras.Model:
    make = keras.applications.MobileNetV3Small
    return make(shape, weights=None, classes=classes)


def loaded_resnet56(
    given: argparse.Namespace, shape: tuple, classes: int
) -> keras.Model:
    return keras.models.load_model(given.resnet56, compile=False)


def resnet20(shape: tuple, classes: int) -> keras.Model:
    from atsc_keras.models.networks import build_classifier

    mean, std = (129.3, 124.1, 112.4), (68.2, 65.4, 70.4)
    return build_classifier("resnet20", shape, classes, mean=mean, std=std)


def of_photos(given: argparse.Namespace) -> dict[str, Any]:
    return {"source": "folder", "path": given.photos, "image_size": 64}


def of_fashion(given: argparse.Namespace) -> dict[str, Any]:
    return {"source": "idx", "path": given.fashion}


SITUATIONS = (
    Situation(
        "digits: CNN -> CNN",
        lambda given: {"source": "digits"},
        *(2000, residual(32, 64), cnn(4, 8)),
        teacher_epochs=15,
    ),
    Situation(
        "Fashion-MNIST: residual -> CNN",
        lambda given: {**of_fashion(given), "image_size": 14},
        *(3000, residual(16, 32, 64), cnn(8, 16, 32)),
        needs=("fashion",),
        teacher_epochs=12,
    ),
    Situation(
        "Fashion-MNIST: ViT -> CNN",
        *(of_fashion, 3000, vision_transformer, cnn(8, 16, 32)),
        needs=("fashion",),
        teacher_epochs=20,
    ),
    Situation(
        "photos: MobileNet -> CNN",
        *(of_photos, 2000, pretrained, cnn(16, 32, 64, 128)),
        needs=("photos", "mobilenet"),
        epochs=EPOCHS[:1],
        teacher_epochs=8,
    ),
    Situation(
        "photos: MobileNet -> MobileNetV3Small",
        *(of_photos, 2000, pretrained, mobilenet_v3),
        needs=("photos", "mobilenet"),
        epochs=EPOCHS[:1],
        teacher_epochs=8,
    ),
    Situation(
        "CIFAR-100: ResNet-56 -> ResNet-20",
        lambda given: {"source": "npz", "path": given.cifar100},
        *(5000, loaded_resnet56, resnet20),
        needs=("cifar100", "resnet56"),
        epochs=EPOCHS[:1],
    ),
)


# === An attempt ===


@dataclass(frozen=True)
class Pictures:
    """Arrays to train on and to judge by."""

    train: tuple[np.ndarray, np.ndarray]
    judged: tuple[np.ndarray, np.ndarray]
    classes: int

    @classmethod
    def of(cls, situation: Situation, given: argparse.Namespace) -> "Pictures":
        wanted = situation.data(given)
        held_out = {"hold_out": 0.2} if given.held_out else {}
        data = load_dataset(DataConfig(**wanted, **held_out))
        order = np.random.default_rng(0).permutation(len(data.train))
        chosen = order[: situation.train_images]
        parts = [(data.train, chosen), (data.test, slice(TEST_IMAGES))]
        taken = [
            tuple(array[index] for array in part.arrays)
            for part, index in parts
        ]
        return cls(*taken, len(data.class_names))


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
            _train(teacher, "adam", situation.teacher_epochs, pictures, rate)
        teacher.save(path)
    return keras.models.load_model(path, compile=False)


def _train(
    model: keras.Model,
    optimizer: str,
    epochs: int,
    pictures: Pictures,
    rate: float | None = None,
) -> None:
    """Train on the labels alone."""
    made = OPTIMIZERS[optimizer]()
    if rate is not None:
        made.learning_rate = rate
    sums = model.predict(pictures.train[0][:8], verbose=0).sum(axis=-1)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=not np.allclose(sums, 1, atol=1e-4)
    )
    model.compile(made, loss)
    model.fit(*pictures.train, epochs=epochs, verbose=0)


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
            _train(student, optimizer, epochs, pictures)
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


def cell(rows: list[dict[str, Any]]) -> str:
    values = [100 * row["accuracy"] for row in rows]
    return f"{np.mean(values):.1f}" if values else "-"


def table(rows: list[dict[str, Any]], arms: list[str]) -> str:
    """Write accuracies by situation, and how far ahead of the student alone.

    Args:
        rows: of attempts.
        arms: beside the student alone, in the order of the columns.

    Returns:
        A Markdown table; gains are paired by seed, with their standard error.
    """
    heading = ["situation", "optimizer", "epochs", ALONE, *arms]
    heading += ["default: gain", "teacher moved"]
    lines = [_line(heading), _line(["---"] * 3 + ["---:"] * (len(heading) - 3))]
    names = [x.name for x in SITUATIONS]
    gains_of_all = []
    for name in names:
        own = [row for row in rows if row["situation"] == name]
        gains = []
        for optimizer in OPTIMIZERS:
            for epochs in EPOCHS:
                cells = {
                    arm: [
                        row
                        for row in own
                        if (row["optimizer"], row["epochs"], row["arm"])
                        == (optimizer, epochs, arm)
                    ]
                    for arm in (ALONE, *arms)
                }
                if not cells[ALONE]:
                    continue
                gain = paired(cells[ALONE], cells[DEFAULT])
                gains += gain
                texts = [cell(cells[arm]) for arm in (ALONE, *arms)]
                texts += [_with_error(gain), _moved(cells[DEFAULT])]
                lines.append(_line([name, optimizer, str(epochs), *texts]))
        if gains:
            gains_of_all.append(float(np.mean(gains)))
            empty = [""] * (len(arms) + 3)
            lines.append(
                _line([name, "all", *empty[:-1], _with_error(gains), ""])
            )
    if gains_of_all:
        lines.append(f"\nMean over situations: {np.mean(gains_of_all):+.1f}")
    return "\n".join(lines)


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


def _line(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


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


if __name__ == "__main__":
    main(sys.argv[1:])
