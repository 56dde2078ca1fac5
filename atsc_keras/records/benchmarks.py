"""The record of a benchmark."""

from typing import Literal

from atsc_keras.config import TeacherConfig
from atsc_keras.config.values import check_value
from atsc_keras.errors import InputError
from atsc_keras.records.models import Entry, Origin, Record

Quartiles = tuple[float, float, float]
TURN = 2  # steps of one kind before the next has its turn
_MOST_STEPS = 100_000


class StepRecord(Entry):
    """What one kind of training step costs.

    Attributes:
        multiply_adds: of a batch: 1 forward, 2 more for what learns.
        first_step: seconds; it compiles.
        wall_seconds: quartiles over the rounds; `cpu_seconds` of all threads.
        wall_ratio: to the supervised steps of the same round; `cpu_ratio`.
        peak_memory: bytes; None where it was not measured.
    """

    multiply_adds: int
    first_step: float
    wall_seconds: Quartiles
    wall_ratio: Quartiles
    cpu_seconds: Quartiles
    cpu_ratio: Quartiles
    peak_memory: int | None


class BenchmarkSettings(Entry):
    """How the steps of a benchmark are run.

    Attributes:
        jit_compile: as in `Model.compile`.
        trainable: patterns of what adapts in `atsc_partial`; None = the last
            stage of each teacher.
        steps: of each kind that are timed; default 20.
        memory: whether each kind also runs alone in a process of its own, for
            its peak memory; default true.
    """

    jit_compile: bool | Literal["auto"] = "auto"
    trainable: tuple[str, ...] | None = None
    steps: int = 20
    memory: bool = True


class Benchmark(Record):
    """The results of `benchmark`.

    Attributes:
        name: of the experiment.
        origin: how it came about.
        teachers: their networks.
        student: its network.
        batch_size: images a step.
        image_shape: `(H, W, C)`.
        precision: of the layers.
        settings: of the steps.
        steps: by the name of their kind.
        images_per_second: that the input pipeline makes on its own.
    """

    file_name = "benchmark.json"

    name: str
    origin: Origin
    teachers: tuple[str, ...]
    student: str
    batch_size: int
    image_shape: tuple[int, int, int]
    precision: str
    settings: BenchmarkSettings
    steps: dict[str, StepRecord]
    images_per_second: float


def check_steps(settings: BenchmarkSettings) -> None:
    """See that each kind of step has a turn, and that all have an end.

    Raises:
        InputError: if not, or if what adapts is no list of patterns.
    """
    if not TURN <= settings.steps <= _MOST_STEPS:
        raise InputError(
            f"`steps` must be {TURN} to {_MOST_STEPS}. Received: "
            f"steps={settings.steps}. Use 20."
        )
    check_value(TeacherConfig, "trainable", settings.trainable, "--trainable")
