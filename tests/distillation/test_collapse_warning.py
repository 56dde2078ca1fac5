"""A teacher that knows nothing, or gives in, does not go unnoticed."""

import warnings

import keras
import numpy as np
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.distillation.teacher_watch import TeacherWatch, chance_words
from atsc_keras.models.image_classifier import ImageClassifier
from tests.distillation.conftest import each_trainer
from tests.tiny import (
    CLASSES,
    batch,
    sgd,
    tiny_atsc,
    tiny_encoder,
    tiny_teacher,
    values,
)

pytestmark = pytest.mark.usefixtures("eager_steps")


@pytest.fixture(scope="module")
def learnt() -> list[np.ndarray]:
    """Weights of a teacher that gets nearly all of `batch(96)` right."""
    keras.utils.set_random_seed(0)
    teacher = tiny_teacher()
    teacher.compile(
        keras.optimizers.Adam(0.02),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    teacher.fit(*batch(96), batch_size=16, epochs=8, verbose=0)
    return values(teacher)


@pytest.fixture
def trained_teacher(learnt: list[np.ndarray]) -> ImageClassifier:
    teacher = tiny_teacher()
    teacher.set_weights(learnt)
    return teacher


def ignorant_teacher() -> ImageClassifier:
    """It answers the first class, whatever it is shown."""
    teacher = tiny_teacher()
    teacher.classifier.kernel.assign(0 * teacher.classifier.kernel)
    return teacher


def words_of(trainer: keras.Model, *data: object, **arguments: object) -> str:
    trainer.compile(optimizer=sgd(1e-4))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "__array__")  # of TensorFlow
        trainer.fit(*data, batch_size=16, verbose=0, **arguments)
    return " ".join(str(w.message) for w in caught)


@each_trainer
def test_teacher_at_chance_is_named_before_it_teaches(trainer: type) -> None:
    images, labels = batch(256)
    student = tiny_teacher(4)
    words = words_of(trainer(ignorant_teacher(), student), images, labels)
    assert "teacher is at chance" in words


@each_trainer
def test_classes_in_another_order_are_named_as_such(
    trainer: type, trained_teacher: ImageClassifier
) -> None:
    images, labels = batch(96)
    moved = (labels + 1) % CLASSES
    words = words_of(trainer(trained_teacher, tiny_teacher(4)), images, moved)
    assert "at chance" in words and "another order" in words


@each_trainer
def test_teacher_that_knows_is_taken_without_a_word(
    trainer: type, trained_teacher: ImageClassifier
) -> None:
    images, labels = batch(96)
    words = words_of(trainer(trained_teacher, tiny_teacher(4)), images, labels)
    assert "chance" not in words and "forgetting" not in words


def test_one_hot_and_column_labels_are_asked_alike() -> None:
    images, labels = batch(256)
    student = tiny_teacher(4)
    atsc = ATSC(ignorant_teacher(), student)
    assert "chance" in words_of(atsc, images, labels[:, None])
    kd = KnowledgeDistillation(ignorant_teacher(), tiny_teacher(4))
    rows = keras.utils.to_categorical(labels, CLASSES)
    kd.compile(optimizer=sgd(), loss="categorical_crossentropy")
    with pytest.warns(UserWarning, match="chance"):
        kd.fit(images, rows, batch_size=16, verbose=0)


def test_stream_tells_by_its_first_steps(
    trained_teacher: ImageClassifier,
) -> None:
    images, labels = batch(16)

    def batches():  # noqa: ANN202
        while True:
            yield images, (labels + 1) % CLASSES

    atsc = ATSC(trained_teacher, tiny_encoder(4))
    words = words_of(atsc, batches(), steps_per_epoch=17)
    assert "at chance" in words and "training images" in words


def test_few_images_give_no_alarm() -> None:
    images, labels = batch(8)
    assert words_of(tiny_atsc(), images, labels) == ""


def fitted(**settings: object) -> ATSC:
    atsc = tiny_atsc(**settings)
    atsc.compile(optimizer=sgd(1e-6))
    atsc.train_on_batch(*batch())
    return atsc


@pytest.mark.parametrize("factor, way", [(0.5, "shrinking"), (2, "growing")])
def test_features_that_leave_their_size_warn_once(
    factor: float, way: str
) -> None:
    atsc = fitted()
    last = atsc.teacher.encoder.layers[-2]
    last.gamma.assign(last.gamma * factor)
    last.beta.assign(last.beta * factor)
    with pytest.warns(UserWarning, match=way) as caught:
        atsc.fit(*batch(), epochs=3, batch_size=8, verbose=0)
    assert len([w for w in caught if way in str(w.message)]) == 1


def test_teacher_that_falls_warns_once_with_another_way_out() -> None:
    watch = TeacherWatch()
    atsc = fitted(l2sp_scope="kernels", l2sp_weight=3)
    atsc.known_before = (0.9,)
    watch.set_model(atsc)
    watch.on_epoch_end(0, {"teacher_accuracy": 0.88})
    with pytest.warns(
        UserWarning, match="forgetting.*44 % .*epoch 4.*90 %"
    ) as c:
        watch.on_epoch_end(3, {"teacher_accuracy": 0.44})
    words = str(c[-1].message)
    assert "`l2sp_scope='all'`" in words and "`l2sp_weight=30`" in words
    watch.on_epoch_end(4, {"teacher_accuracy": 0.1})


def test_no_way_out_is_what_is_set_already() -> None:
    watch = TeacherWatch()
    atsc = fitted()
    atsc.known_before = (0.9,)
    watch.set_model(atsc)
    with pytest.warns(UserWarning) as caught:
        watch.on_epoch_end(0, {"teacher_accuracy": 0.4})
    assert "l2sp_scope" not in str(caught[-1].message)


def test_student_at_chance_is_named_after_its_warmup() -> None:
    watch = TeacherWatch(warmup_epochs=3, test_images=200)
    atsc = fitted()
    watch.set_model(atsc)
    for step in range(300):
        watch.on_train_batch_end(step)
    watch.on_epoch_end(2, {"val_accuracy": 0.1})
    words = "student is at chance.*`global_clipnorm=1` bears"
    with pytest.warns(UserWarning, match=words):
        watch.on_epoch_end(3, {"val_accuracy": 0.1})


def test_chance_needs_images_enough() -> None:
    labels = np.arange(400) % 4
    assert chance_words(np.zeros(400, int), labels, 4, "teacher")
    assert chance_words(np.zeros(12, int), labels[:12], 4, "teacher") is None
