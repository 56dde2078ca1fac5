"""What a backend and its devices cannot do with a recipe, found at once."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import keras

from atsc_keras.config import ExperimentConfig, OptimizerConfig, RecipeConfig
from atsc_keras.config.strict_model import StrictModel
from atsc_keras.data.pipeline import count_steps
from atsc_keras.errors import InputError
from atsc_keras.training.devices import chosen_devices
from atsc_keras.training.experiment import Experiment


def check_recipes(experiment: Experiment) -> None:
    """Check that backend, devices and data suit every recipe of a config.

    Raises:
        InputError: if one of them cannot be followed.
    """
    config = experiment.config
    devices = chosen_devices(config)
    steps = count_steps(experiment.dataset.train, config.data)
    recipes: dict[str, RecipeConfig] = {}
    for key, section in _sections(config):
        if isinstance(section, RecipeConfig):
            recipes[key] = section
            _check_executions(key, section.steps_per_execution, steps)
            check_xla(f"{key}.jit_compile", section.jit_compile, devices)
        if isinstance(section, OptimizerConfig):
            _check_accumulation(key, section, devices)
            recipe = recipes.get(
                key.rpartition(".")[0], config.distillation.training
            )
            _check_updates(key, section, recipe.epochs * steps)
    _check_l2sp(config)


def check_xla(
    key: str, asked: Literal["auto"] | bool, devices: Sequence[str]
) -> None:
    """Check that XLA compiles for these devices.

    Args:
        key: names what was asked in the error.
        asked: as in `Model.compile`.
        devices: that share each batch.

    Raises:
        InputError: for several CPU devices on TensorFlow.
    """
    cpus = [name for name in devices if name.startswith("cpu")]
    tensorflow = keras.backend.backend() == "tensorflow"
    if tensorflow and asked is True and cpus and len(devices) > 1:
        raise InputError(
            "TensorFlow cannot spread XLA over several CPU devices. Received: "
            f"{key}=true, devices={list(devices)}. Set it to auto or false, or "
            "KERAS_BACKEND to jax."
        )


def _sections(value: Any, key: str = "") -> Iterator[tuple[str, StrictModel]]:
    """Find every section of a config, by its dotted key."""
    inner: Any = ()
    if isinstance(value, tuple):
        inner = enumerate(value)
    elif isinstance(value, StrictModel):
        yield key, value
        inner = value
    for name, part in inner:
        yield from _sections(part, f"{key}.{name}" if key else str(name))


def _check_executions(key: str, asked: int, steps: int) -> None:
    """Check that several steps at once can be, and end where an epoch does."""
    if asked == 1:
        return
    received = f"Received: {key}.steps_per_execution={asked}"
    if keras.backend.backend() == "torch":
        raise InputError(
            "On torch Keras executes one step at a time. "
            f"{received}. Set it to 1, or KERAS_BACKEND to tensorflow or jax."
        )
    if steps % asked:
        fitting = max(n for n in range(1, asked) if steps % n == 0)
        raise InputError(
            "`steps_per_execution` must divide the batches of an epoch. "
            f"{received}, {steps} batches. Use {fitting}, or another "
            "data.batch_size."
        )


def _check_accumulation(
    key: str, optimizer: OptimizerConfig, devices: list[str]
) -> None:
    """Refuse accumulation to TensorFlow's replicas, which may not branch."""
    steps = optimizer.gradient_accumulation_steps
    if keras.backend.backend() == "tensorflow" and devices and steps > 1:
        raise InputError(
            "On TensorFlow devices that share each batch cannot accumulate "
            f"gradients. Received: {key}.gradient_accumulation_steps={steps}, "
            f"devices={devices}. Set KERAS_BACKEND=jax, or devices: 1, or a "
            "larger data.batch_size instead."
        )


def _check_updates(key: str, optimizer: OptimizerConfig, steps: int) -> None:
    """See that gradients are not accumulated for ever."""
    asked = optimizer.gradient_accumulation_steps
    if asked > steps:
        raise InputError(
            "`gradient_accumulation_steps` must not be more than the batches "
            f"of the whole training, or no weight moves. Received: {key}."
            f"gradient_accumulation_steps={asked}, {steps} batches. Use a "
            "smaller number."
        )


def _check_l2sp(config: ExperimentConfig) -> None:
    """Check that SGD on the parabola of L2-SP does not overshoot ever more."""
    settings = config.distillation
    optimizer = settings.teacher_optimizer or settings.training.optimizer
    share = 1.0 if settings.teacher_optimizer else settings.teacher_rate
    rate = share * optimizer.learning_rate
    adapting = any(teacher.trainable != () for teacher in config.teachers)
    curvature = 2 * settings.l2sp_weight + optimizer.weight_decay
    if optimizer.name != "sgd" or not adapting or not curvature:
        return
    momentum = optimizer.momentum
    # Where the larger root of a step's recursion leaves the unit circle.
    limit = 2 * (1 + momentum) / curvature
    if optimizer.nesterov:
        limit /= 1 + 2 * momentum
    if rate >= limit:
        raise InputError(
            "The teacher's learning rate must be under "
            f"{limit:.3g}, where L2-SP diverges with SGD. Received: "
            f"learning_rate={rate:g}, momentum="
            f"{momentum:g}, l2sp_weight={settings.l2sp_weight:g}. Give "
            "`distillation.teacher_optimizer` a smaller one, or L2-SP a "
            "smaller weight."
        )
