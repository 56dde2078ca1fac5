"""Peak memory of one kind of training step, in a process of its own.

python -m atsc_keras.benchmarking.memory NAME RUN_DIR SETTINGS
"""

import subprocess
import sys
from pathlib import Path

from atsc_keras.backend import peak_device_memory
from atsc_keras.benchmarking.steps import BenchmarkStep
from atsc_keras.config import load_config
from atsc_keras.data.loading import load_dataset
from atsc_keras.errors import MeasurementError
from atsc_keras.records.benchmarks import BenchmarkSettings
from atsc_keras.records.run import Run
from atsc_keras.signals import end_with_parent, run_process
from atsc_keras.training.devices import placed
from atsc_keras.training.environment import peak_memory
from atsc_keras.training.experiment import Experiment

_STEPS = 3


def measure_peak_memory(
    name: str, run: Run, settings: BenchmarkSettings
) -> int:
    """Take steps in a new process and see how much memory it needs.

    Args:
        name: of the step.
        run: of the benchmark, which holds its config.
        settings: of the benchmark.

    Returns:
        Bytes: of the device where it counts them, else by how much the
        process grew, networks and compilation included.

    Raises:
        MeasurementError: if that process fails.
    """
    module = "atsc_keras.benchmarking.memory"
    arguments = [name, str(run.path), settings.model_dump_json()]
    status, said, errors = run_process(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if status:
        last = (errors.strip() or "no message").splitlines()[-1]
        raise MeasurementError(
            "The memory of a step could not be measured. Received: "
            f"{name}, exit status {status} ({last}). Leave it out with "
            "--no-memory."
        )
    return int(said.splitlines()[-1])


def _main(name: str, run_dir: str, settings_text: str) -> None:
    end_with_parent()
    config = load_config(Path(run_dir) / "config.yaml")
    settings = BenchmarkSettings.model_validate_json(settings_text)
    dataset = load_dataset(config.data)
    batch_size = config.data.batch_size
    images, labels = dataset.train.first(_STEPS * batch_size)
    before = peak_memory(forget=True)
    with placed(config):
        step = BenchmarkStep(name, Experiment(config, dataset), settings)
        step.run(images.astype("float32"), labels, batch_size)
    on_device = peak_device_memory()
    print(peak_memory() - before if on_device is None else on_device)


if __name__ == "__main__":
    _main(*sys.argv[1:])
