"""The records of a run, each a JSON file, as pydantic models."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from atsc_keras.config import ExperimentConfig
from atsc_keras.records.roles import is_part

SCHEMA_VERSION: Literal[2] = (
    2  # 1 is that of release 0.1, which does not say so
)


class Entry(BaseModel):
    """A part of a record: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )


class Record(Entry):
    """A file of a run.

    Attributes:
        schema_version: of the form in which it is written.
        file_name: in the run's folder.
    """

    file_name: ClassVar[str]

    schema_version: Literal[2] = SCHEMA_VERSION


def _named_as_a_part(stem: str) -> str:
    if not is_part(stem):
        raise ValueError(f"{stem} is no role")
    return stem


Stem = Annotated[str, AfterValidator(_named_as_a_part)]
Share = Annotated[float, Field(ge=0, le=1)]


class Startup(Entry):
    """How long the first step of a run took.

    Attributes:
        to_first_step: seconds from the start of the process to its end.
        first_step: seconds of the step itself, which compiles.
    """

    to_first_step: float
    first_step: float


class Origin(Record):
    """How a run came about: on what, from what, by which words.

    Attributes:
        job: what the run does, such as "distill".
        commands: the command word by word; one more for each `--resume`.
        config: as resolved; None in records of release 0.1.
        config_digest: of what it says, not of where data and weights lay.
        data_digest: of what was learnt from; likewise None.
        weights_digests: of the files that networks began with, by the
            network's place in the config.
        python: version; likewise `keras`, `numpy`, and `framework`, that of
            the backend.
        platform: name of the system.
        backend: of Keras.
        devices: as the backend names them.
        dtype_policy: of Keras.
        seed: of the run.
        startup: of the first step; None before it.
    """

    file_name = "environment.json"

    job: str
    commands: tuple[tuple[str, ...], ...] = ()
    config: ExperimentConfig | None = None
    config_digest: str | None = None
    data_digest: str | None = None
    weights_digests: dict[str, str] = {}
    python: str | None = None
    platform: str | None = None
    backend: str | None = None
    keras: str | None = None
    framework: str | None = None
    numpy: str | None = None
    devices: tuple[str, ...] = ()
    dtype_policy: str | None = None
    seed: int = 0
    startup: Startup | None = None


class ModelRecord(Entry):
    """What a network is worth.

    Attributes:
        file: its name in the run's folder.
        network: its name in the config.
        classes: that it tells apart.
        accuracy: share of the test images; `top5_accuracy` likewise.
        loss: mean cross-entropy; None where it is not finite.
        parameters: trainable scalars, frozen layers included.
        multiply_adds: of one image.
        bytes: of the file.
    """

    file: str
    network: str
    classes: int
    accuracy: Share
    top5_accuracy: Share
    loss: float | None
    parameters: int
    multiply_adds: int
    bytes: int


class Metrics(Record):
    """The results of a run.

    Attributes:
        name: of the experiment.
        seed: of the run.
        backend: of Keras.
        models: by the stem of their `Part`.
        gap_closed: share of the way from the student alone to the best
            teacher; None without them, or where there is none to go.
        seconds: of each phase's epochs together.
        startup_seconds: of the first step.
        peak_memory_bytes: largest resident size of the process while it
            trained; None where the system does not tell.
        class_names: in the order of the labels.
        train_examples: how many; `test_examples` likewise.
    """

    file_name = "metrics.json"

    name: str
    seed: int
    backend: str
    models: dict[Stem, ModelRecord] = Field(min_length=1)
    gap_closed: float | None = None
    seconds: dict[str, float] = {}
    startup_seconds: Startup | None = None
    peak_memory_bytes: int | None = None
    class_names: tuple[str, ...] = ()
    train_examples: int
    test_examples: int


class EpochRow(Entry):
    """A row of `history.csv`; its further columns are what `fit` logs.

    Attributes:
        phase: what was trained.
        epoch: from 1.
        seconds: that it took, validation included.
        peak_memory_bytes: largest resident size of the process in it.
    """

    model_config = ConfigDict(extra="allow", strict=False, allow_inf_nan=True)
    __pydantic_extra__: dict[str, float]

    phase: str
    epoch: Annotated[int, Field(ge=1)]
    seconds: float
    peak_memory_bytes: int | None = None

    @property
    def logs(self) -> dict[str, float]:
        """The further columns that have a number."""
        return self.__pydantic_extra__


class Movement(Entry):
    """How far one layer of a teacher is from where it started.

    Attributes:
        teacher: from 1.
        layer: its name.
        moved: norm of the difference over norm of the start.
        parameters: that can move.
    """

    teacher: int
    layer: str
    moved: float
    parameters: int


class Adaptation(Record):
    """What adapting did to the teachers, layer by layer."""

    file_name = "adaptation.json"

    layers: tuple[Movement, ...]


class RateRecord(Entry):
    """The choice of a learning rate.

    Attributes:
        rates: that were tried.
        held_out_accuracy: with each; None where it diverged.
        chosen: the best of them.
    """

    rates: tuple[float, ...]
    held_out_accuracy: tuple[Share | None, ...]
    chosen: float


class LearningRates(Record):
    """The learning rates of a comparison, by the name of the method."""

    file_name = "learning_rates.json"

    choices: dict[str, RateRecord]


class SeedAdaptation(Entry):
    """What one seed's training noted of teachers that adapt.

    Attributes:
        val_feature_distance: by epoch; `val_teacher_accuracy` likewise.
        layers: as in `Adaptation`; empty where that is not kept.
    """

    val_feature_distance: tuple[float, ...] = ()
    val_teacher_accuracy: tuple[float, ...] = ()
    layers: tuple[Movement, ...] = ()


class MethodRuns(Entry):
    """What one method has shown: in each attribute a value for each seed.

    Attributes:
        seed: whose values stand at that place.
        accuracy: after the last epoch; top 5 and loss likewise.
        parameters: of the student; `multiply_adds` likewise.
        best_accuracy: of the epochs.
        seconds_per_epoch: median, the first left out.
        curve: test accuracy by epoch.
        adaptation: where teachers share their classifier.
    """

    seed: tuple[int, ...]
    accuracy: tuple[Share, ...]
    top5_accuracy: tuple[Share, ...]
    loss: tuple[float | None, ...]
    parameters: tuple[int, ...]
    multiply_adds: tuple[int, ...]
    best_accuracy: tuple[Share, ...]
    seconds_per_epoch: tuple[float, ...]
    curve: tuple[tuple[Share, ...], ...]
    adaptation: tuple[SeedAdaptation | None, ...]


class Comparison(Record):
    """The results of `compare`.

    Attributes:
        name: of the experiment.
        origin: how it came about.
        student: its network.
        backend: of Keras.
        train_examples: how many; `test_examples` likewise.
        teachers: by the stem of their `Part`.
        methods: by name; `atsc-` begins that of a variant.
        diverged: seeds of methods that came to no end.
        learning_rates: where they were chosen.
    """

    file_name = "comparison.json"

    name: str
    origin: Origin
    student: str
    backend: str
    train_examples: int
    test_examples: int
    teachers: dict[Stem, ModelRecord]
    methods: dict[str, MethodRuns]
    diverged: dict[str, tuple[int, ...]] = {}
    learning_rates: dict[str, RateRecord] = {}

    @property
    def best_teacher(self) -> float:
        """Accuracy of the best teacher."""
        return max(model.accuracy for model in self.teachers.values())


Quartiles = tuple[float, float, float]


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
    """

    jit_compile: bool | Literal["auto"] = "auto"
    trainable: tuple[str, ...] | None = None


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


def upgraded(kind: type[Record], value: Any) -> Any:
    """Give what a file of release 0.1 holds the form of today.

    Args:
        kind: of the record.
        value: as read from JSON; what says its version is left as it is.
    """
    if isinstance(value, dict) and "schema_version" in value:
        return value
    if kind is Adaptation:
        return {"layers": value}
    if not isinstance(value, dict):
        return value
    value = dict(value)
    if kind is LearningRates:
        return {"choices": value}
    if kind is Origin and "framework" not in value:
        value["framework"] = value.pop(value.get("backend"), None)
    if kind in (Comparison, Benchmark):
        origin = upgraded(Origin, value.pop("environment", {"job": "unknown"}))
        origin["config_digest"] = value.pop("config_digest", None)
        value["origin"] = origin
    if kind is Benchmark:
        pipeline = value.pop("input_pipeline", {})
        value["images_per_second"] = pipeline.get("images_per_second")
    return value
