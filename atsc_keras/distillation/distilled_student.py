"""The network that ships: student encoder, projectors, shared classifiers."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from atsc_keras.distillation.agreement import check_agreement, check_heads
from atsc_keras.distillation.fixed_weights import fixed
from atsc_keras.distillation.folding import fold_linear_end, with_one_head
from atsc_keras.errors import InputError
from atsc_keras.models.building_blocks import BATCH_NORM_MOMENTUM
from atsc_keras.models.complexity import count_parameters
from atsc_keras.models.graphs import is_never_negative, leaf_layers
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.projector import build_projector
from atsc_keras.models.projector_size import AUTO, projector_size
from atsc_keras.models.splitting import split_student
from atsc_keras.types import Shape, Tensor


def _feature_shape(encoder: keras.Model) -> Shape:
    return tuple(encoder.output_shape[1:])


def _target(teacher: ImageClassifier, feature_shape: Shape) -> Shape:
    """Give the shape that a student's features are projected to."""
    shape = teacher.feature_shape
    if len(feature_shape) == 1 and len(shape) == 3:
        # A vector cannot become a map: align pooled features.
        return (int(teacher.classifier.kernel.shape[0]),)
    return shape


def _build_head(
    teacher: ImageClassifier, feature_shape: Shape, name: str
) -> keras.Model:
    """Wrap the teacher's own pooler and Dense for the student's features.

    A model of its own keeps layer names apart when teachers share them.
    """
    features = x = keras.Input(feature_shape, name="features")
    expected = teacher.classifier.kernel.shape[0]
    if len(feature_shape) == 3:
        x = _pooled(teacher, x)
    if x is None or x.shape[-1] != expected:
        raise InputError(
            "The student's projected features must give the shared classifier "
            f"the vector it was built for. Received: features={feature_shape} "
            f"for a teacher with features={teacher.feature_shape} and pooler "
            f"{type(teacher.pooler).__name__}, classifier input={expected}. "
            "Use a student whose map is at least as large as the teacher's, "
            "or a teacher with global average pooling."
        )
    return keras.Model(features, teacher.classifier(x), name=name)


def _pooled(teacher: ImageClassifier, features: Tensor) -> Tensor | None:
    """Pool a map to a vector; None where the pooler takes another size."""
    try:
        return teacher.pooler(features)
    except ValueError:
        return None


@keras.saving.register_keras_serializable(package="atsc_keras")
class DistilledStudent(keras.Model):
    """A student that classifies with its teachers' own Dense layers.

    Image -> encoder -> for each teacher: projector -> that teacher's pooler
    and classifier -> mean of the logits. Poolers and classifiers are shared
    with the teachers, not copied.

    Args:
        encoder: image `(B, H, W, C)` -> map `(B, h, w, C_s)` or vector
            `(B, C_s)`.
        teachers: one or several `ImageClassifier`.
        reduction: what the projectors' bottleneck divides each teacher's
            channels by. "auto" (default): the least of 2, 4, 8, ... with which
            the projectors together have at most a quarter of the parameters of
            the largest teacher, or as many channels as the narrowest has.
        projector: their form, of `build_projector`; "auto" (default):
            "bottleneck", as published, with a given reduction or where 2 leaves
            it small enough; else "separable", which under a wide teacher is as
            good at a fifth of the parameters.
        batch_norm_momentum: of the projectors; default 0.9. They normalise
            over all replicas where the encoder does.
        projector_parameters: a budget in place of `reduction`: the least whole
            number is taken with which all projectors together train at most so
            many; default: none.
        **kwargs: as for `keras.Model`.

    Attributes:
        reduction: as it was settled, a number.
        projector: likewise, a form.
        projector_size: how it was; see `ProjectorSize`.

    Raises:
        InputError: if images or classes of student and teachers disagree, or
            a projector cannot be built, or none keeps the budget.

    Example:
    ```python
    student = DistilledStudent(encoder, [teacher])
    student.to_functional().save("student.keras")
    ```

    Reference:
        ATSC (arXiv 2406.08528), the student of the inference phase.
        Departure: a projector ends in a ReLU only where its teacher's encoder
        does; the papers' teachers all do.
    """

    def __init__(
        self,
        encoder: keras.Model,
        teachers: Sequence[ImageClassifier],
        reduction: int | Literal["auto"] = AUTO,
        batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
        projector: str = AUTO,
        projector_parameters: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_agreement(encoder, teachers)
        self.encoder = encoder
        synchronized = any(
            getattr(layer, "synchronized", False)
            for layer in leaf_layers(encoder)
        )
        self.projectors = []
        self.heads = []
        shape = _feature_shape(encoder)
        shapes = [(shape, _target(teacher, shape)) for teacher in teachers]
        largest = max(map(count_parameters, teachers))
        self.projector_size = projector_size(
            reduction, shapes, projector, largest, projector_parameters
        )
        for index, teacher in enumerate(teachers, start=1):
            projected = build_projector(
                *shapes[index - 1],
                self.projector_size.reduction,
                f"projector_{index}",
                form=self.projector_size.form,
                rectified=is_never_negative(teacher.encoder),
                momentum=batch_norm_momentum,
                synchronized=synchronized,
            )
            head = _build_head(
                teacher, _feature_shape(projected), f"head_{index}"
            )
            self.projectors.append(projected)
            self.heads.append(head)
        self.reduction = int(self.projector_size.reduction)
        self.projector = self.projector_size.form
        self.batch_norm_momentum = float(batch_norm_momentum)
        self.built = True

    def features(
        self, images: Tensor, training: bool | None = None
    ) -> list[Tensor]:
        """Compute the projected features, one tensor a teacher.

        Args:
            images: float32 pixels in [0, 255], `(B, H, W, C)`.
            training: whether batch statistics are used and updated.

        Returns:
            For each teacher `(B, h, w, C_t)`, or `(B, C_t)`.
        """
        encoded = self.encoder(images, training=training)
        return [p(encoded, training=training) for p in self.projectors]

    def classify(self, features: Sequence[Tensor]) -> Tensor:
        """Average the logits, `(B, classes)`, of projected features."""
        logits = [
            head(x, training=False)
            for head, x in zip(self.heads, features, strict=True)
        ]
        return logits[0] if len(logits) == 1 else ops.mean(logits, axis=0)

    def classify_with_fixed_heads(self, features: Sequence[Tensor]) -> Tensor:
        """Classify as `classify`, but stop gradients at the heads' weights.

        What depends on these logits teaches the student, never the shared
        classifiers.
        """
        variables = [v for head in self.heads for v in head.variables]
        with fixed(variables):
            return self.classify(features)

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        return self.classify(self.features(images, training=training))

    def save(
        self,
        filepath: Any,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Save `to_functional()`: the file loads without this package.

        Args:
            filepath: ends in `.keras`.
            overwrite: as for `keras.Model.save`.
            zipped: likewise.
            **kwargs: likewise.
        """
        self.to_functional().save(filepath, overwrite, zipped, **kwargs)

    def export(self, filepath: Any, **kwargs: Any) -> None:
        """Export `to_functional()` by Keras's own exporters.

        `python -m export` also proves what it has written.

        Args:
            filepath: of the artifact.
            **kwargs: as for `keras.Model.export`.
        """
        self.to_functional().export(filepath, **kwargs)

    def to_functional(
        self, name: str = "student", *, folded: bool = False
    ) -> keras.Model:
        """Wire the same layers into a functional model of stock layers.

        Args:
            name: of the model; default "student".
            folded: for deployment: a projector that ends without a ReLU and
                its classifier become one smaller Dense (`fold_linear_end`);
                default false.

        Returns:
            A model `image` -> logits whose `.keras` file loads without this
            package. Weights are shared with this student, but for those that
            were folded.
        """
        images = keras.Input(self.encoder.input_shape[1:], name="image")
        encoded = self.encoder(images)
        logits = []
        for projector, head in zip(self.projectors, self.heads, strict=True):
            classify = fold_linear_end(projector, head) if folded else None
            if classify is None:
                logits.append(head(projector(encoded)))
            else:
                logits.append(classify(encoded))
        outputs = (
            logits[0]
            if len(logits) == 1
            else keras.layers.Average(name="logits")(logits)
        )
        return keras.Model(images, outputs, name=name)

    def to_teacher(self) -> keras.Model:
        """Wire the same layers, with one new Dense for several heads."""
        if len(self.heads) == 1:
            return self.to_functional()
        return with_one_head(self.encoder, self.projectors, self.heads)


def as_distilled_student(
    student: keras.Model,
    teachers: Sequence[ImageClassifier],
    **settings: Any,
) -> DistilledStudent:
    """Make a distilled student of whatever describes one.

    Args:
        student: a `DistilledStudent`, which passes through; a classifier,
            whose head is left out; or an encoder.
        teachers: whose classifiers it will use.
        **settings: of `DistilledStudent`, for its projectors.

    Returns:
        The student.

    Raises:
        InputError: if it does not fit the teachers.
    """
    if isinstance(student, DistilledStudent):
        check_heads(student.heads, teachers)
        if settings.get("projector_parameters") is not None:
            raise InputError(
                "`projector_parameters` is for a projector that is yet to be "
                "built. Received: a DistilledStudent, which has one. Give "
                "the student's encoder, or make the DistilledStudent with it."
            )
        return student
    known = teachers[0].classes if teachers else None
    parts = split_student(student, known)
    classes = parts.classifier.units if parts.classifier else None
    if known is not None and classes not in (None, known):
        raise InputError(
            "Teacher and student must know the same classes. Received: "
            f"teacher classes={known}, student classes={classes}. Train the "
            "teacher on the labels that the student is to learn."
        )
    return DistilledStudent(parts.encoder, teachers, name="student", **settings)
