"""What a distillation notes of its teachers."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from atsc_keras.comparing.comparison import compare
from atsc_keras.config import load_config
from atsc_keras.data import Dataset, Split
from atsc_keras.distillation.atsc import ATSC
from atsc_keras.records.models import Adaptation, Origin
from atsc_keras.records.run import Run
from atsc_keras.training.adaptation import (
    AdaptationNote,
    feature_distance,
    relative_movements,
)
from tests.markers import ONCE
from tests.tiny import (
    CLASSES,
    SHAPE,
    batch,
    sgd,
    tiny_atsc,
    tiny_encoder,
    tiny_teacher,
)
from tests.tiny_experiment import history as rows
from tests.tiny_experiment import write_config


def test_distance_is_relative_to_the_variance() -> None:
    # Two channels of variance 1 and 4; the student is off by 1 everywhere.
    features = np.array([[-1.0, -2.0], [1.0, 2.0]])
    assert feature_distance(features, features) == 0
    assert feature_distance(features, features + 1) == pytest.approx(1 / 2.5)
    mean = np.zeros_like(features)
    assert feature_distance(features, mean) == pytest.approx(1)
    assert feature_distance(10 * features, 10 * (features + 1)) == (
        pytest.approx(1 / 2.5)
    )
    assert feature_distance(np.ones((2, 2)), mean) == float("inf")


def test_movement_is_the_share_of_a_layers_norm() -> None:
    atsc = tiny_atsc()
    assert all(layer.moved == 0 for layer in relative_movements(atsc))
    layer = atsc.teacher.encoder.layers[2]  # the first convolution
    (kernel,) = layer.get_weights()
    layer.set_weights([kernel * 1.25])
    moved = {m.layer: m.moved for m in relative_movements(atsc)}
    assert moved.pop(layer.name) == pytest.approx(0.25)
    assert len(moved) == 3
    assert not any(moved.values())


def test_layers_that_do_not_adapt_are_left_out() -> None:
    atsc = tiny_atsc()
    atsc.teacher.encoder.trainable = False
    assert relative_movements(atsc) == []


def test_epochs_tell_distance_and_accuracy_on_unseen_images(
    tmp_path: Path,
) -> None:
    images, labels = batch(8)
    test = Split("test", images.astype("uint8"), labels.astype("int64"))
    dataset = Dataset(test, test, tuple("abcd"[:CLASSES]), SHAPE)
    # One of another stride: its map is pooled to the student's.
    teachers = [tiny_teacher(), tiny_teacher(6, strides=1)]
    atsc = ATSC(teachers, tiny_encoder(4))
    atsc.compile(optimizer=sgd())
    with Run.open(tmp_path / "run", Origin(job="distill")) as run:
        history = atsc.fit(
            images,
            labels,
            batch_size=8,
            epochs=2,
            verbose=0,
            callbacks=[AdaptationNote(run, dataset)],
        ).history
    pixels = test.images.astype("float32")
    shares, distances = [], []
    for teacher, projected in zip(
        teachers, atsc.student.features(pixels, training=False), strict=True
    ):
        logits = teacher.predict(pixels, verbose=0)
        shares.append((logits.argmax(axis=-1) == labels).mean())
        features = teacher.encoder.predict(pixels, verbose=0)
        if features.shape[1] > projected.shape[1]:
            blocks = features.reshape(8, 4, 2, 4, 2, -1)
            features = blocks.mean(axis=(2, 4))
        distances.append(
            feature_distance(features, ops.convert_to_numpy(projected))
        )
    assert history["val_teacher_accuracy"][-1] == pytest.approx(np.mean(shares))
    assert history["val_feature_distance"][-1] == pytest.approx(
        np.mean(distances), rel=1e-4
    )
    layers = run.demand(Adaptation).layers
    assert {layer.teacher for layer in layers} == {1, 2}
    assert all(layer.moved > 0 for layer in layers)


@ONCE
def test_comparison_shows_it(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, epochs=2))
    comparison = compare(config, tmp_path / "run", ("student", "simkd", "atsc"))
    methods = comparison.methods
    assert methods["student_alone"].adaptation == (None,)
    (fixed,) = methods["simkd"].adaptation
    (adapted,) = methods["atsc"].adaptation
    assert fixed is not None and adapted is not None
    assert fixed.layers == ()
    assert len(set(fixed.val_teacher_accuracy)) == 1  # it stays as it is
    assert len(adapted.val_feature_distance) == 2
    assert any(layer.moved for layer in adapted.layers)
    figures = {path.stem for path in (tmp_path / "run/figures").iterdir()}
    assert {"teacher_adaptation", "teacher_movement"} <= figures
    trial = tmp_path / "run/runs/atsc_seed0"
    assert adapted.val_feature_distance == tuple(
        row["val_feature_distance"] for row in rows(trial)
    )
    page = (trial / "report.html").read_text()
    assert "How far the teacher moved" in page
