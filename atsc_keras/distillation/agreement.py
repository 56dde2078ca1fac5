"""Whether a student and its teachers can go together."""

from collections.abc import Sequence

import keras

from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier


def check_agreement(
    encoder: keras.Model, teachers: Sequence[ImageClassifier]
) -> None:
    """Check that a student can have teachers: images and classes are one.

    Raises:
        InputError: if not.
    """
    if not teachers:
        raise InputError(
            "At least one teacher is needed. Received: teachers=[]. "
            "Give an ImageClassifier or a Keras classifier."
        )
    shapes = [t.image_shape for t in teachers]
    student = tuple(encoder.input_shape[1:])
    if any(shape != student for shape in shapes):
        raise InputError(
            "Teacher and student must take the same images. Received: "
            f"teacher input={shapes}, student input={student}. Build both "
            "for one shape (height, width, channels)."
        )
    classes = [t.classes for t in teachers]
    if len(set(classes)) > 1:
        raise InputError(
            "All teachers must know the same classes. Received: class counts "
            f"{classes}. Train them on the same labels."
        )
    if classes[0] < 2:
        raise InputError(
            "The shared classifier must have one unit a class, two at least. "
            f"Received: a teacher with {classes[0]}. Train it with two units "
            "and a softmax instead of one with a sigmoid."
        )


def check_heads(
    heads: Sequence[keras.Model], teachers: Sequence[ImageClassifier]
) -> None:
    """Check that a student's heads are these teachers' own Dense.

    Raises:
        InputError: if not.
    """
    given = [head.layers[-1] for head in heads]
    expected = [teacher.classifier for teacher in teachers]
    if list(map(id, given)) != list(map(id, expected)):
        raise InputError(
            "A student's heads must be its teachers' own Dense classifiers. "
            f"Received: a DistilledStudent of {len(heads)} with "
            f"{', '.join(x.name for x in heads)}, made for another teacher "
            "object (a model with a softmax is split into a copy of its "
            "Dense each time). Make teacher = ImageClassifier.from_model("
            "model) once, for both, or give the student's encoder."
        )
