"""What came of a job: the folder of a run, and its records."""

from atsc_keras.records.benchmarks import (
    Benchmark,
    BenchmarkSettings,
    StepRecord,
)
from atsc_keras.records.comparisons import (
    Comparison,
    LearningRates,
    MethodRuns,
    RateRecord,
    SeedAdaptation,
)
from atsc_keras.records.exports import (
    Artifact,
    ExportedModel,
    ExportReport,
    Verdict,
)
from atsc_keras.records.manifest import Manifest
from atsc_keras.records.models import (
    Adaptation,
    EpochRow,
    Metrics,
    ModelRecord,
    Movement,
    Origin,
    Startup,
)
from atsc_keras.records.roles import Part, Role
from atsc_keras.records.run import Run

__all__ = [
    "Adaptation",
    "Artifact",
    "Benchmark",
    "BenchmarkSettings",
    "Comparison",
    "EpochRow",
    "ExportReport",
    "ExportedModel",
    "LearningRates",
    "Manifest",
    "MethodRuns",
    "Metrics",
    "ModelRecord",
    "Movement",
    "Origin",
    "Part",
    "RateRecord",
    "Role",
    "Run",
    "SeedAdaptation",
    "Startup",
    "StepRecord",
    "Verdict",
]


def __dir__() -> list[str]:
    return __all__
