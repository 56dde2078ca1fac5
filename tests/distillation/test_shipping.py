"""What ships has a size, which is said where it is not small."""

import inspect
import random
import re

import keras
import numpy as np
import pytest
from keras import layers

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.distillation.shipping import (
    SETTINGS,
    Size,
    say_if_large,
    shipped,
)
from atsc_keras.models.complexity import count_multiply_adds, count_parameters
from atsc_keras.models.image_classifier import ImageClassifier
from tests.markers import ONCE
from tests.tiny import (
    CLASSES,
    SHAPE,
    batch,
    sgd,
    tiny_encoder,
    tiny_teacher,
    values,
)

pytestmark = pytest.mark.usefixtures("eager_steps")


def lean_teacher(channels: int = 16, depth: int = 2) -> ImageClassifier:
    """Wide and of few parameters, as networks of separable layers are."""
    images = x = keras.Input(SHAPE)
    for _ in range(depth):
        x = layers.SeparableConv2D(channels, 3, use_bias=False)(x)
        x = layers.ReLU()(x)
    return ImageClassifier(keras.Model(images, x), layers.Dense(CLASSES))


def vector_teacher(rectified: bool = True) -> ImageClassifier:
    """One whose encoder ends in a vector."""
    encoder = tiny_encoder(8)
    x = layers.GlobalAveragePooling2D()(encoder.output)
    x = layers.Dense(6, activation="relu" if rectified else None)(x)
    return ImageClassifier(keras.Model(encoder.input, x), layers.Dense(CLASSES))


def signed_teacher() -> ImageClassifier:
    """One whose features can be negative: its projector is folded."""
    encoder = tiny_encoder(8)
    x = layers.Conv2D(6, 1)(encoder.output)
    return ImageClassifier(keras.Model(encoder.input, x), layers.Dense(CLASSES))


def dropout_teacher() -> ImageClassifier:
    """One whose pooler has layers, one of them with weights, of its own."""
    encoder = tiny_encoder(8)
    features = keras.Input(encoder.output_shape[1:])
    x = layers.GlobalAveragePooling2D()(features)
    x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    pooler = keras.Model(features, x, name="pooler")
    return ImageClassifier(encoder, layers.Dense(CLASSES), pooler)


@pytest.mark.parametrize("student", ["map", "vector"])
@pytest.mark.parametrize(
    "teachers",
    [
        # Which layers there are and what they cost is one code everywhere.
        pytest.param([tiny_teacher], marks=ONCE),
        pytest.param([vector_teacher], marks=ONCE),
        pytest.param([lambda: vector_teacher(rectified=False)], marks=ONCE),
        pytest.param([signed_teacher], marks=ONCE),
        pytest.param([dropout_teacher], marks=ONCE),
        [tiny_teacher, signed_teacher],
        pytest.param([vector_teacher, dropout_teacher], marks=ONCE),
    ],
    ids=["map", "vector", "signed vector", "signed map", "pooler", "2", "2b"],
)
def test_same_network_with_new_heads_is_as_large_to_a_weight(
    teachers: list, student: str
) -> None:
    made = [make() for make in teachers]
    encoders = [
        tiny_encoder(4) if student == "map" else vector_teacher().encoder
        for _ in range(2)
    ]
    taught = DistilledStudent(encoders[0], made, reduction=3)
    alone = DistilledStudent(
        encoders[1], [t.with_new_head() for t in made], reduction=3
    )
    known = {id(v) for teacher in made for v in teacher.variables}
    assert known.isdisjoint(map(id, alone.variables))
    for folded in (False, True):
        one, two = (x.to_functional(folded=folded) for x in (taught, alone))
        assert count_parameters(one) == count_parameters(two)
        assert count_multiply_adds(one) == count_multiply_adds(two)
        assert [w.shape for w in one.weights] == [w.shape for w in two.weights]
    assert Size.of(shipped(taught)) == Size.of(shipped(alone))


def test_new_head_has_initial_weights_and_learns_though_the_old_is_frozen() -> (
    None
):
    teacher = dropout_teacher()
    for variable in teacher.head_variables:
        variable.assign(keras.ops.full(variable.shape, 3.0))
    teacher.trainable = False
    before = values(teacher)
    new = teacher.with_new_head()
    assert new.encoder is teacher.encoder
    assert all(np.any(v != 3.0) for v in values(new.classifier))
    assert all(np.any(v != 3.0) for v in values(new.pooler))
    assert len(new.pooler.trainable_variables) == 2
    assert len(new.classifier.trainable_variables) == 2
    assert not teacher.trainable_variables
    np.testing.assert_equal(before, values(teacher))


def said_by(atsc: ATSC, capsys: pytest.CaptureFixture, **fit: object) -> str:
    atsc.compile(sgd(1e-6))
    atsc.fit(*batch(), epochs=1, **fit)
    return capsys.readouterr().out


def test_student_larger_than_its_teacher_is_warned_of_with_what_helps(
    capsys: pytest.CaptureFixture,
) -> None:
    teacher = lean_teacher()
    atsc = ATSC(teacher, tiny_encoder(4), reduction=2)
    seeds = random.getstate()
    with pytest.warns(UserWarning, match="ships larger") as caught:
        say_if_large(atsc.student, atsc.teachers)
    assert random.getstate() == seeds
    (text,) = [str(w.message) for w in caught]
    own, teachers = count_parameters(atsc.student), count_parameters(teacher)
    assert own > teachers
    assert f"{own:,} parameters" in text and f"has {teachers:,}" in text
    assert "now 2; in a config `distillation.reduction`" in text
    found = re.search(r"`reduction=(\d+)` .* ships with ([\d,]+)\.", text)
    assert found
    other = DistilledStudent(tiny_encoder(4), [teacher], int(found[1]))
    assert f"{count_parameters(other):,}" == found[2]
    assert count_parameters(other) <= teachers
    with pytest.warns(UserWarning, match="ships larger"):
        said_by(atsc, capsys, verbose=0)
    atsc.fit(*batch(), epochs=1, verbose=0)  # it is said once


def test_where_no_reduction_helps_a_smaller_student_is_named() -> None:
    atsc = ATSC(lean_teacher(8, depth=1), tiny_encoder(8), reduction=2)
    words = "No `reduction` .now 2; .* take a student with a smaller encoder"
    with pytest.warns(UserWarning, match=words):
        say_if_large(atsc.student, atsc.teachers)
    least = ATSC(lean_teacher(8, depth=1), tiny_encoder(8), reduction=8)
    with pytest.warns(UserWarning, match="No `reduction` .now 8;"):
        say_if_large(least.student, least.teachers)


def test_what_chose_the_reduction_is_said_with_it(
    capsys: pytest.CaptureFixture,
) -> None:
    form = {"projector": "bottleneck"}
    large = ATSC(tiny_teacher(8), tiny_encoder(8), **form)
    with pytest.warns(UserWarning, match='reduction` .now 4, by "auto"; in a'):
        say_if_large(large.student, large.teachers)
    atsc = ATSC(
        tiny_teacher(8), tiny_encoder(4), projector_parameters=200, **form
    )
    say_if_large(atsc.student, atsc.teachers)
    assert (
        "`reduction=6` (now 3, by `projector_parameters`, which it replaces; "
        "in a config `distillation.reduction`)"
    ) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {},
            '116 parameters in training, projector="separable", reduction=2 '
            "(chosen: the projector has at most a quarter of the teacher's "
            "parameters)",
        ),
        ({"reduction": 4}, "84 parameters in training, reduction=4"),
        (
            {"projector": "bottleneck", "projector_parameters": 200},
            "145 parameters in training, reduction=3 (chosen: the widest "
            "projector of at most 200 parameters)",
        ),
        ({"projector": "linear"}, '48 parameters in training, projector="li'),
    ],
)
def test_summary_says_the_reduction_and_why(settings: dict, words: str) -> None:
    lines: list[str] = []
    atsc = ATSC(tiny_teacher(8), tiny_encoder(4), **settings)
    atsc.summary(print_fn=lambda text, **_: lines.append(text))
    (said,) = [line for line in lines if "in training" in line]
    assert said.startswith(f" Projector: {words}")
    assert said.endswith(words) or "projector=" in words
    assert sum("reduction=" in line for line in lines) == ("re" in words)


def test_student_above_half_of_its_teacher_is_a_line_of_output(
    capsys: pytest.CaptureFixture,
) -> None:
    atsc = ATSC(tiny_teacher(8), tiny_encoder(4), reduction=2)
    share = count_parameters(atsc.student) / count_parameters(atsc.teacher)
    assert 0.5 < share < 1
    assert f"{share:.2f} of its teacher's" in said_by(atsc, capsys, verbose=2)
    assert "ships" not in said_by(atsc, capsys, verbose=2)
    quiet = ATSC(tiny_teacher(8), tiny_encoder(4), reduction=2)
    assert "ships" not in said_by(quiet, capsys, verbose=0)


def test_small_student_is_not_spoken_of(capsys: pytest.CaptureFixture) -> None:
    atsc = ATSC(tiny_teacher(16), tiny_encoder(2), reduction=8)
    assert count_parameters(atsc.student) < count_parameters(atsc.teacher) / 2
    assert "ships" not in said_by(atsc, capsys, verbose=2)


def test_of_several_teachers_the_largest_counts(
    capsys: pytest.CaptureFixture,
) -> None:
    teachers = [lean_teacher(), tiny_teacher(32)]
    atsc = ATSC(teachers, tiny_encoder(4), reduction=4)
    own = count_parameters(atsc.student)
    small, large = map(count_parameters, teachers)
    assert small < own < large
    say_if_large(atsc.student, atsc.teachers)
    out = capsys.readouterr().out
    assert own < large / 2 or "of the largest teacher's" in out


def test_what_counts_is_the_form_that_ships(
    capsys: pytest.CaptureFixture,
) -> None:
    teacher = signed_teacher()
    atsc = ATSC(teacher, tiny_encoder(4), reduction=1)
    say_if_large(atsc.student, atsc.teachers, folded=True)
    folded = capsys.readouterr().out
    say_if_large(atsc.student, atsc.teachers)
    whole = capsys.readouterr().out
    assert f"{count_parameters(shipped(atsc.student)):,}" in folded
    assert f"{count_parameters(atsc.student):,}" in whole
    assert folded != whole


def test_summary_ends_with_what_ships_beside_the_teachers(
    capsys: pytest.CaptureFixture,
) -> None:
    lines: list[str] = []
    atsc = ATSC([tiny_teacher(8), tiny_teacher(16)], tiny_encoder(4))
    atsc.summary(print_fn=lambda text, **_: lines.append(text))
    size = Size.of(atsc.student)
    assert lines[-3] == (
        f" Ships, as `student.to_functional()`: {size.parameters:,} "
        f"parameters, {size.multiply_adds:,} multiply-adds an image"
    )
    assert lines[-2].startswith(" Teacher 1: ")
    assert lines[-1].startswith(" Teacher 2: ")
    ATSC(tiny_teacher(), tiny_encoder(4)).summary()
    assert "\n Teacher: " in capsys.readouterr().out


def test_every_setting_of_a_student_is_kept_when_a_smaller_one_is_sought() -> (
    None
):
    asked = inspect.signature(DistilledStudent.__init__).parameters
    networks = {"self", "encoder", "teachers", "kwargs"}
    settled = {"projector_parameters"}  # into a reduction, once
    assert set(SETTINGS) == set(asked) - networks - settled
