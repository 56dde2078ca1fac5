"""What networks may share: each layer and each head has one owner."""

import gc
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from tests.distillation.conftest import each_trainer
from tests.tiny import CLASSES, SHAPE, batch, sgd, tiny_encoder, tiny_teacher

pytestmark = pytest.mark.usefixtures("eager_steps")


def softmax_model(channels: int) -> keras.Model:
    encoder = tiny_encoder(channels)
    x = layers.GlobalAveragePooling2D()(encoder.output)
    x = layers.Dense(CLASSES, activation="softmax")(x)
    return keras.Model(encoder.input, x)


def heads_on_one_backbone() -> tuple[keras.Model, keras.Model]:
    encoder = tiny_encoder(8)
    x = layers.GlobalAveragePooling2D()(encoder.output)
    first, second = (
        keras.Model(encoder.input, layers.Dense(CLASSES, name=name)(x))
        for name in ("first", "second")
    )
    return first, second


def both_behind(layer: layers.Layer) -> tuple[keras.Model, keras.Model]:
    models = []
    for channels in (8, 4):
        images = keras.Input(SHAPE)
        x = layers.Conv2D(channels, 3, activation="relu")(layer(images))
        x = layers.GlobalAveragePooling2D()(x)
        models.append(keras.Model(images, layers.Dense(CLASSES)(x)))
    return models[0], models[1]


def one_stem_in_both() -> tuple[keras.Model, keras.Model]:
    return both_behind(layers.Conv2D(4, 3, padding="same", name="stem"))


def one_model_twice() -> tuple[keras.Model, keras.Model]:
    model = softmax_model(8)
    return model, model


@each_trainer
@pytest.mark.parametrize(
    ("models", "name"),
    [
        (heads_on_one_backbone, "conv2d"),
        (one_stem_in_both, "1 in both .stem."),
        (one_model_twice, "conv2d"),
    ],
)
def test_networks_that_share_layers_are_refused_by_name(
    trainer: type, models: Any, name: str
) -> None:
    with pytest.raises(InputError, match=f"teacher and the student.*{name}"):
        trainer(*models())


def test_teacher_given_twice_is_refused() -> None:
    teacher = tiny_teacher()
    with pytest.raises(InputError, match="teacher 1 and the teacher 2"):
        ATSC([teacher, teacher], tiny_encoder(4))


@each_trainer
def test_layer_without_weights_may_be_shared(
    trainer: type, tmp_path: Path
) -> None:
    made = trainer(*both_behind(layers.Rescaling(1 / 255)))
    made.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    images, _ = batch()
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0),
        made.predict(images, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_heads_of_the_student_are_its_teachers_own() -> None:
    model = softmax_model(8)
    teacher = ImageClassifier.from_model(model)
    student = DistilledStudent(tiny_encoder(4), [teacher])
    assert ATSC(teacher, student).student is student
    with pytest.raises(InputError, match="made for another teacher object"):
        ATSC(model, student)  # split anew: another Dense
    with pytest.raises(InputError, match="made for another teacher object"):
        ATSC(tiny_teacher(), student)
    with pytest.raises(InputError, match="made for another teacher object"):
        ATSC([teacher, tiny_teacher()], student)
    whole = ATSC(softmax_model(8), tiny_encoder(4))
    assert whole.student.heads[0].layers[-1] is whole.teacher.classifier


def fitted(teacher: Any) -> ATSC:
    atsc = ATSC(teacher, tiny_encoder(4))
    atsc.compile(optimizer=sgd())
    atsc.fit(*batch(), verbose=0)
    return atsc


def test_second_student_of_a_teacher_moves_the_first_with_a_word() -> None:
    teacher = tiny_teacher()
    first = fitted(teacher).student.to_functional()
    before = first.predict(batch()[0], verbose=0)
    with pytest.warns(UserWarning, match="shared with another student"):
        fitted(teacher)
    assert np.abs(first.predict(batch()[0], verbose=0) - before).max() > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted(tiny_teacher())
        teacher.classifier.trainable = False
        fitted(teacher)


def test_cell_that_is_run_again_gives_no_warning() -> None:
    teacher = tiny_teacher()
    atsc = fitted(teacher)
    atsc.fit(*batch(), verbose=0)
    del atsc
    gc.collect()
    fitted(teacher)
