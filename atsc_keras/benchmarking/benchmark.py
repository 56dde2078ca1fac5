"""What a training step costs, beside the arithmetic that it does."""

import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from atsc_keras.benchmarking.memory import measure_peak_memory
from atsc_keras.benchmarking.step_timer import StepTime
from atsc_keras.benchmarking.steps import (
    BenchmarkStep,
    steps_of,
)
from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.pipeline import build_pipeline
from atsc_keras.errors import InputError
from atsc_keras.records.benchmarks import (
    TURN,
    Benchmark,
    BenchmarkSettings,
    Quartiles,
    StepRecord,
    check_steps,
)
from atsc_keras.records.run import Run
from atsc_keras.reports.benchmark import (
    LABELS,
    STUDENT,
    TEACHER,
    write_benchmark,
)
from atsc_keras.training.devices import chosen_devices, placed
from atsc_keras.training.environment import describe_origin
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.memory import fitting_in_memory
from atsc_keras.training.opening import open_experiment
from atsc_keras.training.recipe_checks import check_xla

_INPUT_BATCHES = 50


def benchmark(
    config: ExperimentConfig,
    run_dir: str | Path,
    settings: BenchmarkSettings | None = None,
    *,
    dataset: Dataset | None = None,
    overwrite: bool = False,
) -> Benchmark:
    """Time the training steps of a config's networks against each other.

    Each kind of step has networks of its own, with random weights, on images
    in memory. They take turns, so that a busy machine slows all alike, and
    each round's times are divided by that round's supervised teacher step
    plus supervised student step. The first turn compiles and is told apart.

    Args:
        config: of the experiment.
        run_dir: folder to write `benchmark.json` and `benchmark.md` to.
        settings: how the steps are run; default: as `BenchmarkSettings` says.
        dataset: in place of what `config.data` would load; default: loaded.
            Memory is measured of loaded data only: set `memory=False`.
        overwrite: delete the benchmark that the folder holds.

    Returns:
        What `benchmark.json` holds.

    Raises:
        InputError: if config, data, settings or folder cannot be used.
    """
    settings = settings or BenchmarkSettings()
    check_steps(settings)
    if dataset is not None and settings.memory:
        raise InputError(
            "Memory is measured in processes that load the data themselves. "
            "Received: memory=True with `dataset`. Give memory=False."
        )
    # Every mistake in the config, before anything is written.
    experiment = open_experiment(config, dataset)
    images_per_second = _time_input(experiment)
    check_xla("--jit-compile", settings.jit_compile, chosen_devices(config))
    with ExitStack() as stack:
        stack.enter_context(fitting_in_memory(experiment))
        stack.enter_context(placed(config))
        kinds = [
            BenchmarkStep(name, experiment, settings)
            for name in steps_of(config)
        ]
        origin = describe_origin("benchmark", experiment)
        run = stack.enter_context(
            Run.open(Path(run_dir), origin, overwrite=overwrite)
        )
        first, rounds = _take_turns(kinds, experiment, settings.steps)
        peaks: dict[str, int] = {}
        for kind in kinds if settings.memory else ():
            print(f"memory: {LABELS[kind.name]}", flush=True)
            peaks[kind.name] = measure_peak_memory(kind.name, run, settings)
        batch_size = config.data.batch_size
        result = Benchmark(
            name=config.name,
            origin=origin,
            teachers=tuple(teacher.network for teacher in config.teachers),
            student=config.student.network,
            batch_size=batch_size,
            image_shape=experiment.dataset.image_shape,
            precision=config.precision,
            settings=settings,
            steps={
                kind.name: StepRecord(
                    multiply_adds=kind.multiply_adds * batch_size,
                    first_step=first[kind.name].wall,
                    **_summary(kind.name, rounds),
                    peak_memory=peaks.get(kind.name),
                )
                for kind in kinds
            },
            images_per_second=images_per_second,
        )
        write_benchmark(run, result)
    return result


def _take_turns(
    kinds: Sequence[BenchmarkStep], experiment: Experiment, steps: int
) -> tuple[dict[str, StepTime], list[dict[str, StepTime]]]:
    """Time each kind's first step, and its mean step in every round."""
    batch_size = experiment.config.data.batch_size
    images, labels = experiment.dataset.train.first(TURN * batch_size)
    images = images.astype("float32")
    first, rounds = {}, []
    for number in range(1 + -(-steps // TURN)):
        end = "\r" if sys.stdout.isatty() else "\n"
        print(f"round {number} of {-(-steps // TURN)}", end=end, flush=True)
        times = {}
        for kind in kinds:
            timed = kind.run(images, labels, batch_size)
            if number == 0:
                first[kind.name] = timed[0]
            times[kind.name] = StepTime(
                statistics.mean(step.wall for step in timed),
                statistics.mean(step.cpu for step in timed),
            )
        if number:  # the first one compiles
            rounds.append(times)
    print(flush=True)
    return first, rounds


def _summary(
    name: str, rounds: list[dict[str, StepTime]]
) -> dict[str, Quartiles]:
    """Find the quartiles of seconds, and of ratios within each round."""
    found = {}
    for clock in ("wall", "cpu"):
        own = [getattr(times[name], clock) for times in rounds]
        base = [
            getattr(times[TEACHER], clock) + getattr(times[STUDENT], clock)
            for times in rounds
        ]
        ratios = [x / y for x, y in zip(own, base, strict=True)]
        found[f"{clock}_seconds"] = _quartiles(own)
        found[f"{clock}_ratio"] = _quartiles(ratios)
    return found


def _quartiles(values: list[float]) -> Quartiles:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return low, middle, high


def _time_input(experiment: Experiment) -> float:
    """Time the training pipeline alone, in images a second."""
    config = experiment.config
    pipeline = build_pipeline(
        experiment.dataset,
        "train",
        config.data,
        training=True,
        seed=config.seed,
    )
    batches = iter(pipeline.batches)
    next(batches)  # fills what is read ahead
    began, count = time.perf_counter(), 0
    for _ in range(_INPUT_BATCHES):
        count += len(next(batches)[1])
    return count / (time.perf_counter() - began)
