"""What a training step costs, beside the arithmetic that it does."""

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atsc_keras.benchmarking.memory import measure_peak_memory
from atsc_keras.benchmarking.step_timer import StepTime
from atsc_keras.benchmarking.steps import (
    BenchmarkSettings,
    BenchmarkStep,
    steps_of,
)
from atsc_keras.config import ExperimentConfig
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.pipeline import build_pipeline
from atsc_keras.errors import InputError
from atsc_keras.records.run import RunFolder
from atsc_keras.reports.benchmark import (
    LABELS,
    STUDENT,
    TEACHER,
    write_benchmark,
)
from atsc_keras.training.devices import chosen_devices, placed
from atsc_keras.training.environment import describe_environment
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.recipe_checks import check_xla

_TURN = 2  # steps of one kind before the next has its turn
_INPUT_BATCHES = 50


def benchmark(
    config: ExperimentConfig,
    run_dir: str | Path,
    settings: BenchmarkSettings,
    *,
    dataset: Dataset | None = None,
    steps: int = 20,
    memory: bool = True,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Time the training steps of a config's networks against each other.

    Each kind of step has networks of its own, with random weights, on images
    in memory. They take turns, so that a busy machine slows all alike, and
    each round's times are divided by that round's supervised teacher step
    plus supervised student step. The first turn compiles and is told apart.

    Args:
        config: of the experiment.
        run_dir: folder to write `benchmark.json` and `benchmark.md` to.
        settings: compilation, and what adapts in part.
        dataset: in place of what `config.data` would load; default: loaded.
            Memory is measured of loaded data only: give `memory=False`.
        steps: of each kind that are timed; default 20.
        memory: whether each kind also runs alone in a process of its own, for
            its peak memory; default true.
        overwrite: delete the benchmark that the folder holds.

    Returns:
        What `benchmark.json` holds.

    Raises:
        InputError: if config, data, settings or folder cannot be used.
    """
    if steps < _TURN:
        raise InputError(
            f"`steps` must be at least {_TURN}. Received: steps={steps}. Use "
            "20."
        )
    if dataset is not None and memory:
        raise InputError(
            "Memory is measured in processes that load the data themselves. "
            "Received: memory=True with `dataset`. Give memory=False."
        )
    # Every mistake in the config, before anything is written.
    dataset = Experiment.open(config, dataset).dataset
    input_pipeline = _time_input(config, dataset)
    devices = chosen_devices(config)
    check_xla("--jit-compile", settings.jit_compile, devices)
    with placed(config):
        kinds = [
            BenchmarkStep(name, config, dataset, settings)
            for name in steps_of(config)
        ]
        folder = RunFolder.open(
            Path(run_dir),
            config,
            describe_environment("benchmark", config.seed),
            overwrite=overwrite,
        )
        first, rounds = _take_turns(kinds, config, dataset, steps)
    peaks: dict[str, int] = {}
    if memory:
        for kind in kinds:
            print(f"memory: {LABELS[kind.name]}", flush=True)
            peaks[kind.name] = measure_peak_memory(kind.name, folder, settings)
    result = {
        "name": config.name,
        "teachers": [teacher.network for teacher in config.teachers],
        "student": config.student.network,
        "batch_size": config.data.batch_size,
        "image_shape": list(dataset.image_shape),
        "precision": config.precision,
        "settings": settings.as_json(),
        "environment": folder.read_json("environment.json"),
        "steps": {
            kind.name: {
                "multiply_adds": kind.multiply_adds * config.data.batch_size,
                "first_step": first[kind.name].wall,
                **_summary(kind.name, rounds),
                "peak_memory": peaks.get(kind.name),
            }
            for kind in kinds
        },
        "input_pipeline": input_pipeline,
    }
    write_benchmark(folder, result)
    return result


def _take_turns(
    kinds: Sequence[BenchmarkStep],
    config: ExperimentConfig,
    dataset: Dataset,
    steps: int,
) -> tuple[dict[str, StepTime], list[dict[str, StepTime]]]:
    """Each kind's first step, and its mean step in every round."""
    batch_size = config.data.batch_size
    images, labels = dataset.train.first(_TURN * batch_size)
    images = images.astype("float32")
    first, rounds = {}, []
    for number in range(1 + -(-steps // _TURN)):
        end = "\r" if sys.stdout.isatty() else "\n"
        print(f"round {number} of {-(-steps // _TURN)}", end=end, flush=True)
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


def _summary(name: str, rounds: list[dict[str, StepTime]]) -> dict[str, Any]:
    """Quartiles of seconds, and of ratios within each round."""

    def quartiles(values: list[float]) -> list[float]:
        if len(values) == 1:
            return values * 3
        return statistics.quantiles(values, n=4, method="inclusive")

    found = {}
    for clock in ("wall", "cpu"):
        own = [getattr(times[name], clock) for times in rounds]
        base = [
            getattr(times[TEACHER], clock) + getattr(times[STUDENT], clock)
            for times in rounds
        ]
        found[f"{clock}_seconds"] = quartiles(own)
        found[f"{clock}_ratio"] = quartiles(
            [x / y for x, y in zip(own, base, strict=True)]
        )
    return found


def _time_input(config: ExperimentConfig, dataset: Dataset) -> dict[str, Any]:
    """Images a second of the training pipeline alone."""
    pipeline = build_pipeline(
        dataset, "train", config.data, training=True, seed=config.seed
    )
    batches = iter(pipeline.batches)
    next(batches)  # fills what is read ahead
    began, count = time.perf_counter(), 0
    for _ in range(_INPUT_BATCHES):
        count += len(next(batches)[1])
    return {"images_per_second": count / (time.perf_counter() - began)}
