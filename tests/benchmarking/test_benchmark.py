"""The benchmark: what it counts, times and writes."""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from atsc_keras.benchmarking.benchmark import benchmark
from atsc_keras.benchmarking.memory import measure_peak_memory
from atsc_keras.benchmarking.step_timer import StepTimer
from atsc_keras.benchmarking.steps import BenchmarkStep
from atsc_keras.config import load_config
from atsc_keras.data import load_dataset
from atsc_keras.errors import InputError, MeasurementError
from atsc_keras.models.complexity import count_multiply_adds
from atsc_keras.records.benchmarks import Benchmark, BenchmarkSettings
from atsc_keras.records.models import Origin
from atsc_keras.records.run import Run
from atsc_keras.reports.benchmark import STEPS, benchmark_table
from atsc_keras.training.devices import placed
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.networks import build_network
from tests.markers import ONCE
from tests.tiny import batch, tiny_teacher
from tests.tiny_experiment import PUBLISHED, TINY, write_config

QUICK = BenchmarkSettings(steps=2, memory=False)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("benchmark")
    config = load_config(write_config(folder))
    result = benchmark(config, folder / "run", QUICK)
    return {"result": result, "folder": folder / "run"}


def test_every_step_is_timed_against_the_supervised_ones(
    done: dict[str, Any],
) -> None:
    steps = done["result"].steps
    assert list(steps) == list(STEPS)
    for clock in ("wall", "cpu"):
        pair = [getattr(steps[name], f"{clock}_ratio")[1] for name in STEPS[:2]]
        assert sum(pair) == pytest.approx(1.0)
        for step in steps.values():
            assert step.first_step > 0 and step.wall_seconds[1] > 0
            low, middle, high = getattr(step, f"{clock}_ratio")
            assert 0 < low <= middle <= high
    assert done["result"].images_per_second > 0


def test_multiply_adds_are_those_of_passes_that_are_needed(
    done: dict[str, Any],
) -> None:
    dataset = load_dataset(done["result"].origin.config.data)
    teacher, student = (
        count_multiply_adds(build_network(name, dataset)) for name in TINY
    )
    found = {
        name: step.multiply_adds / 16  # a batch
        for name, step in done["result"].steps.items()
    }
    assert found["teacher"] == 3 * teacher
    assert found["student"] == 3 * student
    assert found["kd"] == teacher + 3 * student
    # The projector makes the difference between the students.
    with_projector = (found["simkd"] - teacher) / 3
    assert with_projector > student
    assert found["atsc"] == 3 * with_projector + 3 * teacher
    assert found["simkd"] < found["atsc_partial"] < found["atsc"]


def test_files_hold_what_the_table_shows(done: dict[str, Any]) -> None:
    saved = Run(done["folder"]).demand(Benchmark)
    assert saved == done["result"]
    table = benchmark_table(saved)
    page = (done["folder"] / "benchmark.md").read_text()
    for text in (table, page):
        assert "ATSC, last stage" in text
        assert "tiny_teacher -> tiny, batches of 16" in text
    ratio = f"{saved.steps['atsc'].cpu_ratio[1]:.2f} ("
    assert ratio in table and ratio in page


@ONCE
def test_benchmark_is_not_overwritten(done: dict[str, Any]) -> None:
    config = load_config(done["folder"] / "config.yaml")
    with pytest.raises(InputError, match="--overwrite"):
        benchmark(config, done["folder"], QUICK)


def test_too_few_steps_are_refused(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    with pytest.raises(InputError, match="steps=1"):
        benchmark(config, tmp_path / "run", BenchmarkSettings(steps=1))
    assert not (tmp_path / "run").exists()


@ONCE
def test_what_adapts_in_part_can_be_named(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, networks=PUBLISHED))
    dataset = load_dataset(config.data)
    costs = []
    for patterns in (None, ("stage3_block0_conv2",), (".*",)):
        settings = BenchmarkSettings(trainable=patterns)
        step = BenchmarkStep(
            "atsc_partial", Experiment(config, dataset), settings
        )
        costs.append(step.multiply_adds)
    assert costs[1] < costs[0] < costs[2]


def test_precision_is_that_of_the_steps_only(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    config = load_config(path, ["precision=mixed_bfloat16"])
    dataset = load_dataset(config.data)
    with placed(config):
        step = BenchmarkStep(
            "student", Experiment(config, dataset), BenchmarkSettings()
        )
    assert keras.config.dtype_policy().name == "float32"
    (model,) = step.models
    assert model.encoder.layers[-1].compute_dtype == "bfloat16"


@ONCE
def test_several_teachers_are_timed_together(tmp_path: Path) -> None:
    recipe = {"epochs": 1}
    teachers = [{"network": name, "training": recipe} for name in TINY]
    config = load_config(write_config(tmp_path, teacher=teachers))
    result = benchmark(config, tmp_path / "run", QUICK)
    assert list(result.steps) == list(STEPS[:-1])  # no Distiller of two
    dataset = load_dataset(config.data)
    step = BenchmarkStep(
        "teacher", Experiment(config, dataset), BenchmarkSettings()
    )
    assert len(step.models) == 2
    images, labels = dataset.train.first(16)
    assert len(step.run(images.astype("float32"), labels, 16)) == 1


@ONCE
def test_peak_memory_grows_with_the_batch(tmp_path: Path) -> None:
    peaks = []
    for size in (1, 48):
        path = write_config(tmp_path, networks=PUBLISHED)
        # Maps of 64 x 64 pixels, so that the batch outweighs the rest.
        changes = [f"data.batch_size={size}", "data.image_size=64"]
        config = load_config(path, changes)
        origin = Origin(job="benchmark", config=config)
        with Run.open(tmp_path / str(size), origin) as run:
            settings = BenchmarkSettings()
            peaks.append(measure_peak_memory("student", run, settings))
    assert peaks[1] > peaks[0] > 0


@ONCE
def test_step_that_fails_alone_is_named(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path))
    (tmp_path / "data.npz").unlink()
    origin = Origin(job="benchmark", config=config)
    with Run.open(tmp_path / "run", origin) as run:
        with pytest.raises(MeasurementError, match="student.*--no-memory"):
            measure_peak_memory("student", run, BenchmarkSettings())


def test_timer_times_each_step() -> None:
    class Waiting(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            time.sleep(0.05)

    model = tiny_teacher()
    model.compile("sgd", "sparse_categorical_crossentropy")
    timer = StepTimer()
    images, labels = batch(16)
    model.fit(
        images,
        labels,
        batch_size=4,
        verbose=0,
        callbacks=[Waiting(), timer],
    )
    assert len(timer.steps) == 4
    for step in timer.steps:
        assert step.wall > 0.05
        assert np.isfinite(step.cpu)
