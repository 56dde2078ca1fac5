"""What release 0.1 wrote, in the form of today."""

from typing import Any

from atsc_keras.records.benchmarks import Benchmark
from atsc_keras.records.comparisons import Comparison, LearningRates
from atsc_keras.records.models import Adaptation, Origin, Record

_NAMES = {"student": "student_alone"}  # of methods


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
        return {"choices": _renamed(value)}
    if kind is Origin:
        value["framework"] = value.pop(value.get("backend"), None)
        value["job"] = _NAMES.get(value.get("job"), value.get("job"))
    if kind in (Comparison, Benchmark):
        origin = upgraded(Origin, value.pop("environment", {"job": "unknown"}))
        origin["config_digest"] = value.pop("config_digest", None)
        value["origin"] = origin
    if kind is Comparison:
        for key in {"methods", "learning_rates", "diverged"} & value.keys():
            value[key] = _renamed(value[key])
    if kind is Benchmark:
        pipeline = value.pop("input_pipeline", {})
        value["images_per_second"] = pipeline.get("images_per_second")
    return value


def _renamed(methods: dict[str, Any]) -> dict[str, Any]:
    """Give methods the names that they have today, in what is said of them."""
    return {_NAMES.get(name, name): said for name, said in methods.items()}
