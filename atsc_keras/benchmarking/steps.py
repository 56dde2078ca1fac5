"""The training steps that a benchmark compares."""

from collections.abc import Sequence
from typing import Any

import keras

from atsc_keras.benchmarking.step_timer import StepTime, StepTimer
from atsc_keras.config import ExperimentConfig, TeacherConfig
from atsc_keras.models.complexity import count_multiply_adds
from atsc_keras.models.image_classifier import ImageClassifier
from atsc_keras.models.stage_maps import last_stage
from atsc_keras.records.benchmarks import BenchmarkSettings
from atsc_keras.reports.benchmark import STEPS, STUDENT, TEACHER
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.networks import build_network
from atsc_keras.training.recipes import build_optimizer
from atsc_keras.training.trainers import adapt_as_asked, build_atsc


def steps_of(config: ExperimentConfig) -> tuple[str, ...]:
    """Name the steps that a config allows: `Distiller` has one teacher."""
    return STEPS if len(config.teachers) == 1 else STEPS[:-1]


class BenchmarkStep:
    """One kind of training step, compiled, on networks of its own.

    Args:
        name: of `STEPS`.
        experiment: whose networks, losses and images count, and the recipe of
            `distillation`, which all steps share.
        settings: of the benchmark.

    Attributes:
        models: compiled; a step of several teachers is a step of each.
        multiply_adds: of one image: 1 forward, and 2 more for what learns.
    """

    def __init__(
        self,
        name: str,
        experiment: Experiment,
        settings: BenchmarkSettings,
    ) -> None:
        config, dataset = experiment.config, experiment.dataset
        self.name = name
        self._config = config
        self._settings = settings
        keras.utils.set_random_seed(config.seed)
        student = build_network(config.student.network, dataset)
        teachers = [build_network(t.network, dataset) for t in config.teachers]
        forward = [count_multiply_adds(t) for t in teachers]
        if name == TEACHER:
            self.models = [self._compiled(t) for t in teachers]
            self.multiply_adds = 3 * sum(forward)
        elif name == STUDENT:
            self.models = [self._compiled(student)]
            self.multiply_adds = 3 * count_multiply_adds(student)
        elif name == "kd":
            distiller = _distiller(teachers[0], student)
            self.models = [self._compiled(distiller)]
            self.multiply_adds = forward[0] + 3 * count_multiply_adds(student)
        else:
            patterns = [self._patterns(teacher) for teacher in teachers]
            asked = _adapting(config, patterns)
            atsc = build_atsc(teachers, Experiment(asked, dataset))
            adapt_as_asked(teachers, asked)
            self.models = [self._compiled(atsc)]
            learning = [
                count_multiply_adds(t, learning_only=True) for t in teachers
            ]
            self.multiply_adds = (
                sum(forward)
                + 2 * sum(learning)
                + 3 * count_multiply_adds(atsc.student)
            )

    def _patterns(self, teacher: ImageClassifier) -> Sequence[str]:
        if self.name == "simkd":
            return ()
        if self.name == "atsc":
            return (".*",)
        return self._settings.trainable or last_stage(teacher.encoder)

    def _compiled(self, model: Any) -> keras.Model:
        recipe = self._config.distillation.training
        # The rate does not matter, but for staying finite.
        optimizer = build_optimizer(
            recipe.optimizer.model_copy(update={"learning_rate": 1e-3}),
            recipe.model_copy(update={"epochs": 1}),
            steps_per_epoch=1000,
        )
        model.compile(
            optimizer=optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
            jit_compile=self._settings.jit_compile,
        )
        # As training does: TensorFlow would trace the step twice.
        model.optimizer.build(model.trainable_variables)
        return model

    def run(self, images: Any, labels: Any, batch_size: int) -> list[StepTime]:
        """Take the steps that the images are enough for.

        Returns:
            Their times; of several teachers the sums.
        """
        timed = []
        for model in self.models:
            timer = StepTimer()
            model.fit(
                images,
                labels,
                batch_size=batch_size,
                shuffle=False,
                verbose=0,
                callbacks=[timer],
            )
            timed.append(timer.steps)
        return [
            StepTime(sum(t.wall for t in step), sum(t.cpu for t in step))
            for step in zip(*timed, strict=True)
        ]


def _distiller(
    teacher: ImageClassifier, student: ImageClassifier
) -> keras.Model:
    # By its default name the divergence takes logits for probabilities; the
    # time is the same.
    losses = keras.distillation.LogitsDistillation(temperature=4.0)
    return keras.distillation.Distiller(
        teacher.to_functional(), student.to_functional(), losses
    )


def _adapting(
    config: ExperimentConfig, patterns: Sequence[Sequence[str]]
) -> ExperimentConfig:
    teachers: list[TeacherConfig] = [
        asked.model_copy(update={"trainable": tuple(adapting)})
        for asked, adapting in zip(config.teachers, patterns, strict=True)
    ]
    student = config.student.model_copy(update={"weights": None})
    update = {"teacher": tuple(teachers), "student": student}
    return config.model_copy(update=update)
