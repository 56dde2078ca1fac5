"""Compiling, fitting and reporting, kept apart from the step itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from atsc_keras.backend import (
    UpdateTrainer,
    apply_gradients,
    batch_share,
    replica_count,
    value_and_grad,
)
from atsc_keras.distillation.compiling import (
    check_metrics,
    classification_loss,
)
from atsc_keras.distillation.labels import LabelCheck
from atsc_keras.distillation.losses import loss_dtype
from atsc_keras.distillation.optimizers import (
    TEACHER_RATE,
    as_optimizers,
    assign_optimizers,
    follows,
)
from atsc_keras.distillation.random_layers import warn_of_random_layers
from atsc_keras.distillation.reporting import LearningRates
from atsc_keras.distillation.samples import read_sample
from atsc_keras.distillation.settings import Settings, check_weight
from atsc_keras.distillation.teacher_watch import TeacherWatch
from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Logs, Tensor


class DistillationTrainer(UpdateTrainer):
    """A model that trains teachers with their student.

    It takes up to three optimizers, and keeps running means that only
    training reports: Keras would log them in `evaluate` as `val_...: 0.0`.
    A subclass sets `student`, whose `call` is this model's, and says in
    `objective` what is descended. Compiled, it has `optimizers`, by their
    names in `compile`, and `teacher_rate`, None if the encoders have their own.

    Args:
        teachers: one or several.
        settings: checked.
        reported: names of the means, beside `loss`.
        augmentation: applied to each training batch, once for all networks;
            default: none.
        **kwargs: as for `keras.Model`.
    """

    def __init__(
        self,
        teachers: Sequence[ImageClassifier],
        settings: Settings,
        reported: Sequence[str],
        augmentation: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.augmentation = augmentation
        self.settings = settings
        self.teachers = list(teachers)
        weights = [w for teacher in teachers for w in teacher.weights]
        dtype = loss_dtype(*weights)
        # Keras has a mean called `loss` too, which `evaluate` uses.
        self.means = {
            name: keras.metrics.Mean(
                name={"loss": "training_loss"}.get(name, name), dtype=dtype
            )
            for name in ("loss", *reported)
        }
        self._evaluating = False
        self.known_before: tuple[float, ...] | None = None

    @property
    def teacher(self) -> ImageClassifier:
        """The teacher, or the first of several."""
        return self.teachers[0]

    def prepare_step(self) -> None:
        """Do what must be done again when layers have been frozen."""

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """List what every `fit` of this method takes, before the user's."""
        return [LearningRates()]

    def before_fit(self, verbose: Any = "auto") -> None:
        """Say what the user should know before training."""

    def objective(
        self, images: Tensor, labels: Tensor, weight: Tensor | None
    ) -> tuple[Logs, Tensor]:
        """Find the scalars of one batch, `loss` among them, and the logits."""
        raise NotImplementedError(f"{type(self).__name__}.objective")

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        """Turn pixels `(B, H, W, C)` into student logits `(B, classes)`."""
        images = self.augmented(images, training)
        return self.student(images, training=training)

    def update(self, data: Any) -> Logs:
        """Update every network from one batch.

        Args:
            data: `(images, labels)` or `(images, labels, sample_weight)`.

        Returns:
            The running means of this epoch.
        """
        images, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
        images = self.augmented(images, training=True)
        variables = self.trainable_variables

        def scaled() -> tuple[Tensor, tuple[Logs, Tensor]]:
            logs, logits = self.objective(images, labels, weight)
            # Gradients are summed over replicas, whose batches may differ.
            loss = self.optimizer.scale_loss(logs["loss"] * batch_share(images))
            return loss, (logs, logits)

        (_, (logs, logits)), gradients = value_and_grad(
            scaled,
            variables,
            state=[*self.non_trainable_variables, *self.optimizer.variables],
        )
        apply_gradients(self.optimizer, gradients, variables)
        self.record(logs, batch_size=ops.shape(images)[0])
        return self.compute_metrics(images, labels, logits, weight)

    def augmented(self, images: Any, training: bool | None = None) -> Tensor:
        """Make what the networks see of a batch."""
        if self.augmentation is None:
            return images
        return self.augmentation(images, training=bool(training))

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | str,
        teacher_optimizer: keras.optimizers.Optimizer | str | None = None,
        classifier_optimizer: keras.optimizers.Optimizer | str | None = None,
        loss: keras.losses.Loss | str | None = None,
        *,
        teacher_rate: float = TEACHER_RATE,
        **kwargs: Any,
    ) -> None:
        """Configure training.

        A `LearningRateScheduler` is called for each optimizer given: for
        several let it return a multiple of their rate, not a number.

        Args:
            optimizer: of the student.
            teacher_optimizer: of the teacher encoders; default: one like
                `optimizer`, at `teacher_rate` of its rate.
            classifier_optimizer: of the shared classifiers, weights of their
                poolers included; default: likewise.
            teacher_rate: part of each step for what is trained already;
                default 0.01; as published: 1.
            loss: cross-entropy on logits, of teachers and student; sparse
                (default) or categorical as the labels are.
            **kwargs: as for `keras.Model.compile`: metrics of the student's
                logits, `jit_compile`, `steps_per_execution`, ...

        Raises:
            InputError: if `loss` is not a classification loss on logits,
                `optimizer` is None, `teacher_rate` is negative, or a metric
                has the name of a mean that training reports.
        """
        given = as_optimizers(
            optimizer=optimizer,
            teacher_optimizer=teacher_optimizer,
            classifier_optimizer=classifier_optimizer,
        )
        rate = check_weight("teacher_rate", teacher_rate)
        follow = follows(given, "teacher_optimizer")
        self.teacher_rate = rate if follow else None
        check_metrics(
            {*self.means, *(mean.name for mean in self.means.values())}, kwargs
        )
        dtype = loss_dtype(*self.teacher.classifier.weights)
        self._classification_loss = classification_loss(loss, dtype)
        # Copied now: Keras wraps what it is given while it compiles.
        self._compile_arguments = {
            **given,
            "loss": self._classification_loss,
            "teacher_rate": rate,
            **kwargs,
        }
        # Layers may have been frozen since this object was made.
        self.prepare_step()
        encoders = [t.encoder.variables for t in self.teachers]
        classifiers = [t.head_variables for t in self.teachers]
        routed, self.optimizers = assign_optimizers(
            given,
            {
                "teacher_optimizer": sum(encoders, []),
                "classifier_optimizer": sum(classifiers, []),
            },
            self.trainable_variables,
            rate,
        )
        super().compile(
            optimizer=routed, loss=self._classification_loss, **kwargs
        )

    def get_compile_config(self) -> dict[str, Any] | None:
        if not self.compiled:
            return None
        return keras.saving.serialize_keras_object(self._compile_arguments)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train as `keras.Model.fit`, with callbacks of the method's own.

        They come first and add each optimizer's rate to an epoch's logs. They
        warn of a teacher or student at chance and a teacher that falls, by 256
        images of `validation_data` or `x`, or by the steps of a stream.

        Raises:
            InputError: if labels are missing, in another form than the loss
                takes, between the classes or out of range: of arrays before
                the first step, of streams before that of their batch.
        """
        check = LabelCheck(self.teacher.classes, self._fitted_loss())
        x = check.watch(x, y)
        validation = check.watch_validation(kwargs.pop("validation_data", None))
        self.before_fit(verbose)
        warn_of_random_layers(self)
        given = isinstance(callbacks, keras.callbacks.CallbackList)
        listed = callbacks.callbacks if given else []
        users = keras.tree.flatten(listed if given else callbacks or [])
        own = self.own_callbacks()
        if not any(isinstance(c, TeacherWatch) for c in users):
            sample = read_sample(x, y, validation)
            warmup = getattr(self.settings, "warmup_epochs", 0)
            own.append(TeacherWatch(sample, warmup, 0, check))
        if given:
            for callback in own:
                callback.set_model(self)
                callback.set_params(callbacks.params)
            listed[:0] = own
        else:
            callbacks = [*own, *users]
        try:
            return super().fit(
                *(x, y, batch_size, epochs, verbose, callbacks),
                validation_data=validation,
                **kwargs,
            )
        except Exception as error:
            if check.error is None or error is check.error:
                raise
            # What read the stream has wrapped it.
            raise check.error from None
        finally:
            listed[:] = [c for c in listed if c not in own]

    def _fitted_loss(self) -> keras.losses.Loss:
        if not self.compiled:
            raise InputError(
                "A trainer must be compiled before `fit`. Received: one that "
                "is not. Call compile(keras.optimizers.Adam(1e-3)).",
            )
        return self._classification_loss

    def cross_entropy(
        self, labels: Tensor, logits: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Average the compiled loss of a batch over this replica's images."""
        # Keras's losses divide by the replicas already; the sum does it once.
        logits = ops.cast(logits, loss_dtype(logits))
        return replica_count() * self._classification_loss(
            labels, logits, sample_weight=weight
        )

    def record(self, values: Logs, batch_size: Tensor) -> None:
        """Add one step's scalars, `loss` among them, to the means."""
        for name, mean in self.means.items():
            mean.update_state(values[name], sample_weight=batch_size)

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        before, self._evaluating = self._evaluating, True
        try:
            yield
        finally:
            self._evaluating = before

    def get_metrics_result(self) -> Logs:
        results = super().get_metrics_result()
        for name, mean in self.means.items():
            value = results.pop(mean.name)
            if not self._evaluating:
                results[name] = value
        return results

    def test_step(self, *args: Any) -> Any:
        with self._evaluation():
            return super().test_step(*args)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        with self._evaluation():
            return super().evaluate(*args, **kwargs)
