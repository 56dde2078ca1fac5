"""Labels that no loss can mean are refused before a step learns from them."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.distillation.labels import LabelCheck
from atsc_keras.errors import InputError
from tests.tiny import (
    CLASSES,
    batch,
    moved,
    sgd,
    tiny_encoder,
    tiny_teacher,
    values,
)

pytestmark = pytest.mark.usefixtures("eager_steps")
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
ROWS = keras.losses.CategoricalCrossentropy(from_logits=True)
TRAINERS = {
    "atsc": lambda: ATSC(tiny_teacher(), tiny_encoder(4)),
    "kd": lambda: KnowledgeDistillation(tiny_teacher(), tiny_teacher(4)),
}


class Batches(keras.utils.PyDataset):
    def __init__(self, images: Any, labels: Any) -> None:
        super().__init__()
        self.images, self.labels = images, labels
        self.begun = 0

    def __len__(self) -> int:
        return 2

    def on_epoch_begin(self) -> None:
        self.begun += 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        own = slice(8 * index, 8 * index + 8)
        return self.images[own], self.labels[own]


def generator(images: Any, labels: Any) -> Iterator[tuple[Any, Any]]:
    for start in (0, 8):
        yield images[start : start + 8], labels[start : start + 8]


def tf_data(images: Any, labels: Any) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(8)


def data_loader(images: Any, labels: Any) -> Any:
    import torch

    pairs = torch.utils.data.TensorDataset(
        torch.from_numpy(images), torch.from_numpy(labels)
    )
    return torch.utils.data.DataLoader(pairs, batch_size=8)


def grain_dataset(images: Any, labels: Any) -> Any:
    import grain

    pairs = list(zip(images, labels, strict=True))
    return grain.MapDataset.source(pairs).to_iter_dataset().batch(8)


STREAMS: dict[str, Callable[[Any, Any], Any]] = {
    "PyDataset": Batches,
    "generator": generator,
    "tf.data": tf_data,
    "DataLoader": data_loader,
    "grain": grain_dataset,
}


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1, CLASSES], f"hold {CLASSES} at place 2 .1 such of 3"),
        ([0, -1, -1], "hold -1 at place 1 .2 such of 3"),
        ([0.5, 1.0, 2.0], "hold 0.5 at place 0"),
        ([0.0, float("nan"), 2.0], "hold nan at place 1"),
        (["cat", "dog"], "such as .'cat'.*Number the classes from 0 to 3"),
        (np.eye(CLASSES), "one-hot rows.*loss='categorical_crossentropy'"),
        (np.zeros((3, 2)), r"shape \(3, 2\)"),
        (None, "are missing"),
    ],
)
def test_numbers_must_be_classes(labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        LabelCheck(CLASSES, SPARSE)(labels)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1, 2], "loss='sparse_categorical_crossentropy'"),
        (np.eye(CLASSES + 1), r"shape \(5, 5\), not \(images, 4\)"),
        (np.zeros((2, CLASSES)), "shares of the classes that sum to 1"),
        ([[2.0, -1.0, 0.0, 0.0]], "shares of the classes that sum to 1"),
        ([[np.nan] * CLASSES], "row .nan"),
        (None, "are missing"),
    ],
)
def test_rows_must_be_shares(labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        LabelCheck(CLASSES, ROWS)(labels)


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        (SPARSE, np.array([0, 3], "uint8")),
        (SPARSE, [[0.0], [3.0]]),
        (SPARSE, [True, False]),
        (ROWS, np.full((2, CLASSES), 1 / CLASSES, "float32")),
        (
            keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, ignore_class=-1
            ),
            [-1, 2],
        ),
    ],
)
def test_what_can_be_meant_passes(loss: keras.losses.Loss, labels: Any) -> None:
    LabelCheck(CLASSES, loss)(labels)
    LabelCheck(CLASSES, loss)(keras.ops.convert_to_tensor(labels))


@pytest.mark.parametrize("trainer", TRAINERS)
def test_arrays_are_refused_before_the_first_step(trainer: str) -> None:
    made = TRAINERS[trainer]()
    made.compile(optimizer=sgd())
    images, labels = batch(16)
    labels[15] = CLASSES
    before = values(made)
    with pytest.raises(InputError, match="hold 4 at place 15"):
        made.fit(images, labels, batch_size=8, verbose=0)
    with pytest.raises(InputError, match="missing"):
        made.fit(images, batch_size=8, verbose=0)
    with pytest.raises(InputError, match="hold 4 at place 15"):
        made.fit(*batch(), validation_data=(images, labels, None), verbose=0)
    assert not any(moved(before, made))


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("trainer", TRAINERS)
def test_streams_are_refused_before_the_step_of_their_batch(
    trainer: str, stream: str
) -> None:
    made = TRAINERS[trainer]()
    made.compile(optimizer=sgd())
    images, labels = batch(16)
    settings: dict[str, Any] = {"shuffle": False, "verbose": 0}
    if stream in ("generator", "grain"):  # of unknown length
        settings["steps_per_epoch"] = 2
    made.fit(STREAMS[stream](images, labels), **settings)
    assert int(made.optimizer.iterations) == 2
    before = values(made)
    labels[4] = -1
    with pytest.raises(InputError, match="hold -1 at place 4.*loss="):
        made.fit(STREAMS[stream](images, labels), **settings)
    assert not any(moved(before, made))


def test_streams_without_labels_are_refused() -> None:
    import tensorflow as tf

    made = TRAINERS["atsc"]()
    made.compile(optimizer=sgd())
    data = tf.data.Dataset.from_tensor_slices(batch()[0]).batch(8)
    with pytest.raises(InputError, match="labels that are missing"):
        made.fit(data, verbose=0)


def test_watched_batches_keep_their_callbacks_and_validation_is_checked() -> (
    None
):
    made = TRAINERS["atsc"]()
    made.compile(optimizer=sgd())
    images, labels = batch(16)
    data = Batches(images, labels)
    made.fit(data, validation_data=data, shuffle=False, epochs=2, verbose=0)
    assert data.begun >= 2
    wrong = Batches(images, labels + CLASSES)
    with pytest.raises(InputError, match="hold 4 at place 0"):
        made.fit(data, validation_data=wrong, shuffle=False, verbose=0)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of TensorFlow"
)
def test_distributed_datasets_are_taken_as_they_are() -> None:
    import tensorflow as tf

    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        made = TRAINERS["atsc"]()
        made.compile(optimizer=sgd())
    made.fit(
        strategy.experimental_distribute_dataset(tf_data(*batch(16))),
        steps_per_epoch=2,
        shuffle=False,
        verbose=0,
    )
    assert int(made.optimizer.iterations.numpy()) == 2
