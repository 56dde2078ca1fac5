"""What was asked: the experiment file, checked before anything is loaded."""

from atsc_keras.config.augmentation_config import AugmentationConfig
from atsc_keras.config.data_config import DataConfig
from atsc_keras.config.distillation_config import DistillationConfig
from atsc_keras.config.experiment_config import ExperimentConfig
from atsc_keras.config.loading import (
    config_digest,
    differences,
    dump_config,
    load_config,
    load_recorded,
)
from atsc_keras.config.methods_config import (
    METHODS,
    STUDENT_ALONE,
    STUDENT_SAME_SIZE,
    MethodConfig,
    MethodsConfig,
    SimKDConfig,
)
from atsc_keras.config.optimizer_config import OptimizerConfig
from atsc_keras.config.recipe_config import RecipeConfig
from atsc_keras.config.schedule_config import ScheduleConfig
from atsc_keras.config.student_config import StudentConfig
from atsc_keras.config.teacher_config import TeacherConfig
from atsc_keras.config.variants import load_variants

__all__ = [
    "METHODS",
    "STUDENT_ALONE",
    "STUDENT_SAME_SIZE",
    "AugmentationConfig",
    "DataConfig",
    "DistillationConfig",
    "ExperimentConfig",
    "MethodConfig",
    "MethodsConfig",
    "OptimizerConfig",
    "RecipeConfig",
    "ScheduleConfig",
    "SimKDConfig",
    "StudentConfig",
    "TeacherConfig",
    "config_digest",
    "differences",
    "dump_config",
    "load_config",
    "load_recorded",
    "load_variants",
]


def __dir__() -> list[str]:
    return __all__
