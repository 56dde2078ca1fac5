"""One phase of a run: compile, go on from its checkpoint, fit."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras

from atsc_keras.config import ExperimentConfig, OptimizerConfig, RecipeConfig
from atsc_keras.data.crop_and_flip import device_augmentation
from atsc_keras.data.pipeline import build_pipeline, count_steps
from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.distilled_student import DistilledStudent
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.distillation.teacher_watch import TeacherWatch
from atsc_keras.models.freezing import flags_kept
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.processes import count_processes
from atsc_keras.records.run import Run
from atsc_keras.signals import signals_held_back
from atsc_keras.training.adaptation import AdaptationNote
from atsc_keras.training.checkpoints import (
    EpochCheckpoint,
    Place,
    StopOnDivergence,
)
from atsc_keras.training.class_weights import class_weights
from atsc_keras.training.devices import evaluation_batch_size, own_rows
from atsc_keras.training.evaluation import classification_metrics
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.progress import Progress
from atsc_keras.training.recipes import build_optimizer
from atsc_keras.training.startup import FirstStepNote
from atsc_keras.training.supervised import Supervised
from atsc_keras.training.trainers import adapt_as_asked


@dataclass(frozen=True)
class Phase:
    """One training inside a run.

    Attributes:
        name: names its checkpoints and its rows in the history.
        recipe: epochs, optimizer and schedule.
        experiment: whose data, seed and losses count.
        run: where its checkpoints and history go.
        watcher: told of each epoch in place of printing it.
    """

    name: str
    recipe: RecipeConfig
    experiment: Experiment
    run: Run
    watcher: keras.callbacks.Callback | None = None

    def build_optimizer(
        self, optimizer: OptimizerConfig
    ) -> keras.optimizers.Optimizer:
        """Build an optimizer with the schedule of the recipe."""
        train, data = self.experiment.dataset.train, self.experiment.config.data
        steps = count_steps(train, data)
        return build_optimizer(optimizer, self.recipe, steps)


def fit_network(
    model: ImageClassifier | DistilledStudent | KnowledgeDistillation,
    phase: Phase,
) -> None:
    """Train one network: on the labels alone, or with a teacher that stays.

    Args:
        model: a classifier, a distilled student that is to learn from the
            labels, or what trains a student; in place.
        phase: how and on what, and where it is kept.

    Raises:
        DivergedError: if the loss is not finite.
    """
    trained: keras.Model = model
    if isinstance(model, DistilledStudent):
        trained = model.to_functional()  # in which its heads learn too
        classes = trained.output_shape[-1]
    else:
        classes = model.classes
    if not isinstance(model, KnowledgeDistillation):
        augmentation = device_augmentation(phase.experiment.config.data)
        trained = Supervised(trained, augmentation)
    optimizer = phase.build_optimizer(phase.recipe.optimizer)
    notes = []
    if isinstance(model, KnowledgeDistillation):
        # The teacher has been looked at; it stays as it is.
        warmup = phase.recipe.schedule.warmup_epochs
        warmup = max(warmup, model.settings.warmup_epochs)
        images = len(phase.experiment.dataset.test)
        notes = [TeacherWatch(None, warmup, images)]
    optimizers = {"optimizer": optimizer}
    _compile_and_fit(trained, classes, optimizers, phase, *notes)


def fit_distillation(atsc: ATSC, phase: Phase) -> None:
    """Train student and teachers together, as the config words it.

    What of the teachers is to stay is frozen meanwhile.

    Args:
        atsc: trained in place.
        phase: of the run; `distillation` of its config counts.

    Raises:
        DivergedError: if a loss is not finite.
    """
    settings = phase.experiment.config.distillation
    asked = {
        "optimizer": phase.recipe.optimizer,
        "teacher_optimizer": settings.teacher_optimizer,
        "classifier_optimizer": settings.classifier_optimizer,
    }
    optimizers = {
        name: phase.build_optimizer(optimizer)
        for name, optimizer in asked.items()
        if optimizer is not None
    }
    atsc.size_is_said = True  # by the job
    warmup = phase.recipe.schedule.warmup_epochs
    note = AdaptationNote(phase.run, phase.experiment.dataset, warmup)
    with flags_kept(atsc.teachers):
        adapt_as_asked(atsc.teachers, phase.experiment.config)
        classes, rate = atsc.teacher.classes, settings.teacher_rate
        _compile_and_fit(
            atsc, classes, optimizers, phase, note, teacher_rate=rate
        )


def _compile_and_fit(
    model: keras.Model,
    classes: int,
    optimizers: dict[str, keras.optimizers.Optimizer],
    phase: Phase,
    *notes: keras.callbacks.Callback,
    **settings: float,
) -> None:
    """Train with optimizers, and settings, as `compile` names them."""
    config = phase.experiment.config
    metrics = classification_metrics(classes, config.data.soft_labels)
    model.compile(
        **optimizers,
        **settings,
        loss=_loss(config),
        metrics=metrics,
        jit_compile=phase.recipe.jit_compile,
        steps_per_execution=phase.recipe.steps_per_execution,
    )
    rates = {
        name.replace("optimizer", "learning_rate"): optimizer
        for name, optimizer in getattr(model, "optimizers", optimizers).items()
    }
    with signals_held_back(count_processes()) as signal_come:
        checkpoint = EpochCheckpoint(
            phase.run, phase.name, rates, metrics, signal_come
        )
        # What notes add to an epoch's logs is in the history.
        _fit(model, phase, checkpoint, [*notes, checkpoint])


def _loss(config: ExperimentConfig) -> keras.losses.Loss:
    if config.data.soft_labels:
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _fit(
    model: keras.Model,
    phase: Phase,
    checkpoint: EpochCheckpoint,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    config, dataset = phase.experiment.config, phase.experiment.dataset
    recipe = phase.recipe
    model.optimizer.build(model.trainable_variables)
    place = checkpoint.restore(model)
    size = evaluation_batch_size(config, len(dataset.test))
    evaluated = config.data.model_copy(update={"batch_size": size})
    test = build_pipeline(dataset, "test", evaluated, training=False)
    callbacks = [
        StopOnDivergence(phase.name, checkpoint.checkpoints, place),
        *callbacks,
    ]
    if phase.watcher:
        callbacks.append(phase.watcher)
    else:
        steps = count_steps(dataset.train, config.data)
        callbacks += [
            FirstStepNote(phase.run),
            Progress(recipe.epochs, steps),
        ]
        step = f", from step {place.step + 1}" if place.step else ""
        epochs = f"epochs {place.epoch + 1} to {recipe.epochs}{step}"
        print(f"== {phase.name}: {epochs}", flush=True)
    for start, end in _stretches(place, recipe.epochs):
        train = build_pipeline(
            dataset,
            "train",
            config.data,
            training=True,
            seed=config.seed,
            initial_epoch=start.epoch,
            initial_step=start.step,
        )
        with dataset.naming_broken_files(), warnings.catch_warnings():
            if recipe.steps_per_execution > 1:
                # On JAX Keras says so of test images that end within a call.
                warnings.filterwarnings("ignore", "Your input ran out of data")
            model.fit(
                own_rows(train.batches),
                steps_per_epoch=train.steps - start.step,
                initial_epoch=start.epoch,
                epochs=end,
                validation_data=own_rows(test.batches),
                callbacks=callbacks,
                class_weight=class_weights(recipe.class_weight, dataset),
                shuffle=False,  # the batches are
                verbose=0,
            )


def _stretches(place: Place, epochs: int) -> Iterator[tuple[Place, int]]:
    """Say from where to which epoch: the rest of one once begun, the others.

    In a `fit` every epoch has as many steps as the next.
    """
    if place.step:
        yield place, place.epoch + 1
        place = Place(place.epoch + 1)
    if place.epoch < epochs:
        yield place, epochs
