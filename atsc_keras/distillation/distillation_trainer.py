"""Compiling, fitting and reporting, kept apart from the step itself."""

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from atsc_keras.backend import UpdateTrainer
from atsc_keras.backend import apply_gradients
from atsc_keras.backend import batch_share
from atsc_keras.backend import replica_count
from atsc_keras.backend import value_and_grad
from atsc_keras.distillation.compiling import classification_loss
from atsc_keras.distillation.compiling import route_optimizers
from atsc_keras.errors import InputError
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.types import Logs
from atsc_keras.types import Tensor


class DistillationTrainer(UpdateTrainer):
    """A model that trains teachers with their student.

    It takes up to three optimizers, and keeps running means that only
    training reports: Keras would log them in `evaluate` as `val_...: 0.0`.
    A subclass sets `teachers` and `student`, whose `call` is this model's, and
    says in `objective` what is descended.

    Args:
        reported: names of the means.
        augmentation: applied to each training batch, once for all networks;
            default: none.
        **kwargs: as for `keras.Model`.
    """

    def __init__(
        self,
        reported: Sequence[str],
        augmentation: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.augmentation = augmentation
        self.teachers: list[ImageClassifier] = []
        self._means = [keras.metrics.Mean(name=name) for name in reported]
        self._evaluating = False

    def prepare_step(self) -> None:
        """Do what must be done again when layers have been frozen."""

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """What every `fit` of this method takes."""
        return []

    def objective(
        self, images: Tensor, labels: Tensor, weight: Tensor | None
    ) -> tuple[Logs, Tensor]:
        """The scalars of one batch, `loss` among them, and the logits."""
        raise NotImplementedError(f"{type(self).__name__}.objective")

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        """The student's logits, `(B, classes)`, of pixels `(B, H, W, C)`."""
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
        """What the networks see of a batch."""
        if self.augmentation is None:
            return images
        return self.augmentation(images, training=bool(training))

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | str,
        teacher_optimizer: keras.optimizers.Optimizer | str | None = None,
        classifier_optimizer: keras.optimizers.Optimizer | str | None = None,
        loss: keras.losses.Loss | str | None = None,
        **kwargs: Any,
    ) -> None:
        """Configure training.

        With several optimizers a `LearningRateScheduler` is called for each
        of them with its own rate: let it return a multiple of that rate, not
        a number of its own.

        Args:
            optimizer: of the student, and of all that has none of its own.
            teacher_optimizer: of the teacher encoders; default: `optimizer`.
            classifier_optimizer: of the shared classifiers, weights of their
                poolers included; default: `optimizer`.
            loss: cross-entropy on logits, of teachers and student; sparse
                (default) or categorical as the labels are.
            **kwargs: as for `keras.Model.compile`: metrics of the student's
                logits, `jit_compile`, `steps_per_execution`, ...

        Raises:
            InputError: if `loss` is not a classification loss on logits, or
                `optimizer` is None.
        """
        if optimizer is None:
            raise InputError(
                "`optimizer` must be an optimizer or its name. Received: "
                "optimizer=None. Use CoupledSGD(0.05, momentum=0.9)."
            )
        own, of_teacher, of_classifier = (
            None if value is None else keras.optimizers.get(value)
            for value in (optimizer, teacher_optimizer, classifier_optimizer)
        )
        self._classification_loss = classification_loss(loss)
        # Copied now: Keras wraps what it is given while it compiles.
        self._compile_arguments = {
            "optimizer": own,
            "teacher_optimizer": of_teacher,
            "classifier_optimizer": of_classifier,
            "loss": self._classification_loss,
            **kwargs,
        }
        # Layers may have been frozen since this object was made.
        self.prepare_step()
        encoders = [t.encoder.variables for t in self.teachers]
        classifiers = [t.head_variables for t in self.teachers]
        routed = route_optimizers(
            own,
            {
                "teacher": (of_teacher, sum(encoders, [])),
                "classifier": (of_classifier, sum(classifiers, [])),
            },
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
        """Train as `keras.Model.fit`, with callbacks of the method's own."""
        if isinstance(callbacks, keras.callbacks.CallbackList):
            for callback in self.own_callbacks():
                callbacks.append(callback)
        else:
            callbacks = keras.tree.flatten(callbacks or [])
            callbacks = [*callbacks, *self.own_callbacks()]
        return super().fit(
            x, y, batch_size, epochs, verbose, callbacks, **kwargs
        )

    def cross_entropy(
        self, labels: Tensor, logits: Tensor, weight: Tensor | None
    ) -> Tensor:
        """The compiled loss of a batch, a mean over this replica's images."""
        # Keras's losses divide by the replicas already; the sum does it once.
        logits = ops.cast(logits, "float32")
        return replica_count() * self._classification_loss(
            labels, logits, sample_weight=weight
        )

    def record(self, values: Logs, batch_size: Tensor) -> None:
        """Add one step's scalars, `loss` among them, to the means."""
        for metric in self.metrics:
            if metric.name in values:
                metric.update_state(
                    values[metric.name], sample_weight=batch_size
                )

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        before, self._evaluating = self._evaluating, True
        try:
            yield
        finally:
            self._evaluating = before

    def get_metrics_result(self) -> Logs:
        results = super().get_metrics_result()
        if self._evaluating:
            for mean in self._means:
                results.pop(mean.name)
        return results

    def test_step(self, *args: Any) -> Any:
        with self._evaluation():
            return super().test_step(*args)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        with self._evaluation():
            return super().evaluate(*args, **kwargs)
