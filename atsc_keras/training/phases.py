"""One phase of a run: compile, go on from its checkpoint, fit."""

import warnings
from collections.abc import Iterator

import keras

from atsc_keras.config import ExperimentConfig
from atsc_keras.config import RecipeConfig
from atsc_keras.data.crop_and_flip_layer import device_augmentation
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.pipeline import build_pipeline
from atsc_keras.data.pipeline import count_steps
from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.training.augmented_classifier import AugmentedClassifier
from atsc_keras.training.checkpoints import EpochCheckpoint
from atsc_keras.training.checkpoints import Place
from atsc_keras.training.checkpoints import StopOnDivergence
from atsc_keras.training.class_weights import class_weights
from atsc_keras.training.devices import evaluation_batch_size
from atsc_keras.training.evaluation import classification_metrics
from atsc_keras.training.processes import count_processes
from atsc_keras.training.processes import own_rows
from atsc_keras.training.recipes import build_optimizer
from atsc_keras.training.run_folder import RunFolder
from atsc_keras.training.startup import FirstStepNote
from atsc_keras.training.termination import sigterm_held_back


def fit_network(
    model: ImageClassifier | KnowledgeDistillation,
    phase: str,
    recipe: RecipeConfig,
    config: ExperimentConfig,
    dataset: Dataset,
    folder: RunFolder,
    watcher: keras.callbacks.Callback | None = None,
) -> None:
    """Train one network: on the labels alone, or with a teacher that stays.

    Args:
        model: a classifier, or what trains a student; in place.
        phase: names its checkpoints and its rows in the history.
        recipe: epochs, optimizer and schedule.
        config: of the run; its data and seed count.
        dataset: of the run.
        folder: of the run.
        watcher: told of each epoch in place of printing it.

    Raises:
        DivergedError: if the loss is not finite.
    """
    steps = count_steps(dataset.train, config.data)
    optimizer = build_optimizer(recipe.optimizer, recipe, steps)
    augmentation = device_augmentation(config.data)
    trained: keras.Model = model
    if augmentation and isinstance(model, ImageClassifier):
        trained = AugmentedClassifier(model, augmentation)
    _compile_and_fit(
        trained,
        model.classes,
        {"optimizer": optimizer},
        phase,
        recipe,
        config,
        dataset,
        folder,
        watcher,
    )


def fit_distillation(
    atsc: ATSC,
    config: ExperimentConfig,
    dataset: Dataset,
    folder: RunFolder,
    phase: str = "distillation",
    watcher: keras.callbacks.Callback | None = None,
) -> None:
    """Train student and teachers together, as the config words it.

    Args:
        atsc: trained in place.
        config: of the run.
        dataset: of the run.
        folder: of the run.
        phase: names its checkpoints and its rows in the history.
        watcher: told of each epoch in place of printing it.

    Raises:
        DivergedError: if a loss is not finite.
    """
    settings = config.distillation
    recipe = settings.training
    steps = count_steps(dataset.train, config.data)
    asked = {
        "optimizer": recipe.optimizer,
        "teacher_optimizer": settings.teacher_optimizer,
        "classifier_optimizer": settings.classifier_optimizer,
    }
    built = {
        name: build_optimizer(config_of, recipe, steps)
        for name, config_of in asked.items()
        if config_of is not None
    }
    _compile_and_fit(
        atsc,
        atsc.teacher.classes,
        built,
        phase,
        recipe,
        config,
        dataset,
        folder,
        watcher,
    )


def _compile_and_fit(
    model: keras.Model,
    classes: int,
    optimizers: dict[str, keras.optimizers.Optimizer],
    phase: str,
    recipe: RecipeConfig,
    config: ExperimentConfig,
    dataset: Dataset,
    folder: RunFolder,
    watcher: keras.callbacks.Callback | None,
) -> None:
    """Train with optimizers by the names that `compile` has for them."""
    metrics = classification_metrics(classes, config.data.soft_labels)
    model.compile(
        **optimizers,
        loss=_loss(config),
        metrics=metrics,
        jit_compile=recipe.jit_compile,
        steps_per_execution=recipe.steps_per_execution,
    )
    rates = {
        name.replace("optimizer", "learning_rate"): optimizer
        for name, optimizer in optimizers.items()
    }
    with sigterm_held_back(count_processes()) as is_to_end:
        checkpoint = EpochCheckpoint(folder, phase, rates, metrics, is_to_end)
        _fit(model, checkpoint, recipe, config, dataset, watcher)


def _loss(config: ExperimentConfig) -> keras.losses.Loss:
    if config.data.soft_labels:
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _fit(
    model: keras.Model,
    checkpoint: EpochCheckpoint,
    recipe: RecipeConfig,
    config: ExperimentConfig,
    dataset: Dataset,
    watcher: keras.callbacks.Callback | None,
) -> None:
    model.optimizer.build(model.trainable_variables)
    place, phase = checkpoint.restore(model), checkpoint.phase
    size = evaluation_batch_size(config, len(dataset.test))
    evaluated = config.data.model_copy(update={"batch_size": size})
    test = build_pipeline(dataset, "test", evaluated, training=False)
    callbacks = [
        StopOnDivergence(phase, checkpoint.checkpoints, place),
        checkpoint,
        watcher or FirstStepNote(checkpoint.folder),
    ]
    if watcher is None:
        step = f", from step {place.step + 1}" if place.step else ""
        epochs = f"epochs {place.epoch + 1} to {recipe.epochs}{step}"
        print(f"== {phase}: {epochs}", flush=True)
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
                verbose=0 if watcher else 2,
            )


def _stretches(place: Place, epochs: int) -> Iterator[tuple[Place, int]]:
    """From where to which epoch: the rest of one that was begun, the others.

    In a `fit` every epoch has as many steps as the next.
    """
    if place.step:
        yield place, place.epoch + 1
        place = Place(place.epoch + 1)
    if place.epoch < epochs:
        yield place, epochs
