"""Classes count as the recipe says."""

from pathlib import Path

import numpy as np
import pytest

from atsc_keras.comparing.comparison import compare
from atsc_keras.config import load_config
from atsc_keras.data.dataset import Dataset, Split
from atsc_keras.errors import InputError
from atsc_keras.training.class_weights import class_weights
from atsc_keras.training.jobs import distill, train
from tests.tiny_experiment import write_config

pytestmark = pytest.mark.usefixtures("unrendered")


def dataset(labels: list[int]) -> Dataset:
    split = Split("train", np.zeros((len(labels), 2, 2, 1)), np.array(labels))
    return Dataset(split, split, ("cat", "dog", "7"), (2, 2, 1))


def test_balanced_classes_count_alike() -> None:
    labels = [0, 0, 0, 1, 1, 2]
    weights = class_weights("balanced", dataset(labels))
    totals = [weights[k] * labels.count(k) for k in range(3)]
    np.testing.assert_allclose(totals, [2.0, 2.0, 2.0])  # of six images


def test_class_without_images_leaves_the_others_balanced() -> None:
    weights = class_weights("balanced", dataset([0, 0, 0, 1]))
    assert weights[0] * 3 == pytest.approx(weights[1])
    assert weights[0] * 3 + weights[1] == pytest.approx(4)


def test_classes_are_named_or_numbered() -> None:
    assert class_weights(None, dataset([0])) is None
    weights = class_weights({"dog": 2.0, 0: 0.5}, dataset([0]))
    assert weights == {0: 0.5, 1: 2.0, 2: 1.0}
    # A name comes before a number.
    assert class_weights({7: 3.0}, dataset([0]))[2] == 3.0


@pytest.mark.parametrize("key", ["cow", 5])
def test_name_of_no_class_is_refused(key: str | int) -> None:
    with pytest.raises(InputError, match=f"Received: {key!r}, classes cat"):
        class_weights({key: 1.0}, dataset([0]))


def test_streamed_labels_are_balanced_too() -> None:
    class Stream:
        def labels(self) -> np.ndarray:
            return np.array([0, 0, 0, 1, 1, 2])

    streamed = dataset([0])
    object.__setattr__(streamed.train, "stream", Stream())
    expected = class_weights("balanced", dataset([0, 0, 0, 1, 1, 2]))
    assert class_weights("balanced", streamed) == expected


@pytest.mark.parametrize(
    "place",
    [
        "teacher.training",
        "student.training",
        "distillation.training",
        "methods.simkd.training",
    ],
)
def test_name_of_no_class_is_found_before_anything_is_trained(
    tmp_path: Path, place: str
) -> None:
    config = load_config(
        write_config(tmp_path),
        [f"{place}.class_weight={{cow: 2}}", f"{place}.epochs=1"],
    )
    with pytest.raises(InputError, match="'cow', classes 0, 1, 2"):
        distill(config, tmp_path / "run")
    with pytest.raises(InputError, match="'cow'"):
        train(config, tmp_path / "run")
    with pytest.raises(InputError, match="'cow'"):
        compare(config, tmp_path / "run", methods=["atsc"], seeds=[0])
    assert not (tmp_path / "run").exists()


def test_weight_zero_silences_a_class(tmp_path: Path) -> None:
    recipe = {"epochs": 1, "class_weight": {"0": 0.0, "1": 0.0, "2": 0.0}}
    teacher = {"network": "tiny_teacher", "training": recipe}
    config = load_config(write_config(tmp_path, teacher=teacher))
    train(config, tmp_path / "run")
    text = (tmp_path / "run" / "history.csv").read_text().splitlines()
    row = dict(zip(text[0].split(","), text[1].split(","), strict=True))
    assert float(row["loss"]) == 0
    assert float(row["val_loss"]) > 0
