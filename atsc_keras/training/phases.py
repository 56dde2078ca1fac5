"""One phase of a run: compile, go on from its checkpoint, fit."""

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
from atsc_keras.training.checkpoints import StopOnDivergence
from atsc_keras.training.class_weights import class_weights
from atsc_keras.training.devices import evaluation_batch_size
from atsc_keras.training.evaluation import classification_metrics
from atsc_keras.training.recipes import build_optimizer
from atsc_keras.training.run_folder import RunFolder
from atsc_keras.training.startup import FirstStepNote


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
    trained.compile(
        optimizer=optimizer,
        loss=_loss(config),
        metrics=classification_metrics(model.classes, config.data.soft_labels),
        jit_compile=recipe.jit_compile,
    )
    optimizers = {"learning_rate": optimizer}
    _fit(trained, phase, recipe, optimizers, config, dataset, folder, watcher)


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
    atsc.compile(
        **built,
        loss=_loss(config),
        metrics=classification_metrics(
            atsc.teacher.classes, config.data.soft_labels
        ),
        jit_compile=recipe.jit_compile,
    )
    optimizers = {
        name.replace("optimizer", "learning_rate"): optimizer
        for name, optimizer in built.items()
    }
    _fit(atsc, phase, recipe, optimizers, config, dataset, folder, watcher)


def _loss(config: ExperimentConfig) -> keras.losses.Loss:
    if config.data.soft_labels:
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _fit(
    model: keras.Model,
    phase: str,
    recipe: RecipeConfig,
    optimizers: dict[str, keras.optimizers.Optimizer],
    config: ExperimentConfig,
    dataset: Dataset,
    folder: RunFolder,
    watcher: keras.callbacks.Callback | None,
) -> None:
    model.optimizer.build(model.trainable_variables)
    checkpoint = EpochCheckpoint(folder, phase, optimizers)
    epoch = checkpoint.restore(model)
    train = build_pipeline(
        dataset,
        "train",
        config.data,
        training=True,
        seed=config.seed,
        initial_epoch=epoch,
    )
    size = evaluation_batch_size(config, len(dataset.test))
    evaluated = config.data.model_copy(update={"batch_size": size})
    test = build_pipeline(dataset, "test", evaluated, training=False)
    if watcher is None:
        print(f"== {phase}: epochs {epoch + 1} to {recipe.epochs}", flush=True)
    with dataset.naming_broken_files():
        model.fit(
            train.batches,
            steps_per_epoch=train.steps,
            initial_epoch=epoch,
            epochs=recipe.epochs,
            validation_data=test.batches,
            callbacks=[
                StopOnDivergence(phase, checkpoint.checkpoints),
                checkpoint,
                watcher or FirstStepNote(folder),
            ],
            class_weight=class_weights(recipe.class_weight, dataset),
            shuffle=False,  # the batches are
            verbose=0 if watcher else 2,
        )
