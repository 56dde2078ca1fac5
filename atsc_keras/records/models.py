"""The records of a run, each a JSON file, as pydantic models."""

from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
)

from atsc_keras.config import ExperimentConfig
from atsc_keras.config.strict_model import as_recorded
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


def _within(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} does not lie in the folder")
    return name


FileName = Annotated[str, AfterValidator(_within)]  # from a folder on
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


def _as_it_was(
    config: ExperimentConfig | None, info: ValidationInfo
) -> ExperimentConfig | None:
    """Read from a file, what is not said is what was done before it could be.

    A run that begins does what the defaults of today say.
    """
    read: ExperimentConfig | None = (
        as_recorded(config) if info.mode == "json" else config
    )
    return read


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
        seed: that all random numbers come from.
        startup: of the first step; None before it.
    """

    file_name = "environment.json"

    job: str
    commands: tuple[tuple[str, ...], ...] = ()
    config: Annotated[ExperimentConfig | None, AfterValidator(_as_it_was)] = (
        None
    )
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
        seed: that all random numbers come from.
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
    """What adapting did to the teachers, layer by layer.

    Attributes:
        layers: how far each has moved; none while training lasts.
        teacher_accuracy_before: share of up to 512 test images that each
            teacher got right before the first step; none where not measured.
    """

    file_name = "adaptation.json"

    layers: tuple[Movement, ...]
    teacher_accuracy_before: tuple[Share, ...] = ()
