"""One experiment: the whole of a config file."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from atsc_keras.config.data_config import DataConfig
from atsc_keras.config.distillation_config import DistillationConfig
from atsc_keras.config.methods_config import MethodsConfig
from atsc_keras.config.ranges import (
    LARGEST_SEED,
    MOST_DEVICES,
    DeviceCount,
)
from atsc_keras.config.strict_model import StrictModel, mistake
from atsc_keras.config.student_config import StudentConfig
from atsc_keras.config.teacher_config import TeacherConfig

# Of a file there are 255, and names of folders and files are made of it.
_MOST_NAME_BYTES = 200
_MOST_TEACHERS = 32


def _one_or_several(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


class ExperimentConfig(StrictModel):
    """An experiment.

    Its file may begin with `extends: OTHER`: see `load_config`.

    Attributes:
        name: names the run folder and the report; `load_config` takes the stem
            of the file where none is given.
        seed: decides weights, order and augmentation; default 0.
        data: see `DataConfig`; default: the digits.
        teacher: a `TeacherConfig` or a list of them; required.
        student: see `StudentConfig`; required.
        distillation: see `DistillationConfig`; required.
        methods: what `compare` compares; see `MethodsConfig`.
        devices: how many devices share each batch (default 1), `all`, or their
            names, such as ["gpu:0", "gpu:1"].
        precision: `float32` (default), `mixed_bfloat16` or `mixed_float16`,
            of layers; weights, losses and exported files stay float32.

    Example:
        >>> path = "configs/digits_resnet14_resnet8x0.125.yaml"
        >>> load_config(path, ["seed=1"]).teachers[0].network
        'resnet14'
    """

    name: str = Field(default="experiment", min_length=1)
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    data: DataConfig = DataConfig()
    # A tagged union reports the mistakes of the form that was meant only.
    teacher: Annotated[
        Annotated[TeacherConfig, Tag("one")]
        | Annotated[
            tuple[TeacherConfig, ...],
            Field(strict=False, max_length=_MOST_TEACHERS),
            Tag("several"),
        ],
        Discriminator(_one_or_several),
    ]
    student: StudentConfig
    distillation: DistillationConfig
    methods: MethodsConfig = MethodsConfig()
    devices: Literal["all"] | DeviceCount | tuple[str, ...] = Field(
        default=1, examples=["all"]
    )
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"

    @field_validator("devices", mode="before")
    @classmethod
    def _are_devices(cls, value: Any) -> Any:
        # Before the union, whose findings would come for each of its forms.
        if value == "all" or (type(value) is int and 0 < value <= MOST_DEVICES):
            return value
        if isinstance(value, list | tuple) and value:
            if all(isinstance(name, str) for name in value):
                return tuple(value)
        raise mistake(
            f"must be all, a number from 1 to {MOST_DEVICES}, or names of "
            "devices",
            "Write, for example, devices: 2.",
        )

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, value: str) -> str:
        if value in (".", "..") or any(c in value for c in "/\\\0\n\r"):
            raise mistake(
                "must be usable as the name of a folder",
                "Leave out slashes.",
            )
        if len(value.encode()) > _MOST_NAME_BYTES:
            raise mistake(
                f"must have at most {_MOST_NAME_BYTES} bytes, for the names "
                "of folders",
                "Use a shorter one.",
            )
        return value

    @field_validator("teacher", mode="before")
    @classmethod
    def _has_a_teacher(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and not value:
            raise mistake(
                "must name at least one teacher",
                "Write, for example, teacher: {network: resnet32x4, "
                "weights: teacher.keras}.",
            )
        return value

    @field_validator("methods")
    @classmethod
    def _warm_up_in_time(
        cls, value: MethodsConfig, info: ValidationInfo
    ) -> MethodsConfig:
        student = info.data.get("student")
        name = value.too_slow(student.training if student else None)
        if name is not None:
            raise mistake(
                f"must not have warmup_epochs of {name} longer than its "
                "training, where its weight never comes to be",
                "Leave warmup_epochs out, or train longer.",
            )
        return value

    @property
    def teachers(self) -> tuple[TeacherConfig, ...]:
        """The teachers, one or several, in the order of the file."""
        if isinstance(self.teacher, TeacherConfig):
            return (self.teacher,)
        return self.teacher
