"""Every number of a config has bounds, and just beyond them is one message."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.errors import InputError
from atsc_keras.models.network_names import check_network_name
from tests.config.conftest import SMALLEST, Write
from tools.documentation import SECTIONS, ranges

# What a key needs beside it, or in place of its section.
PLACES = {
    "AugmentationConfig": "data.augmentations.0",
    "DataConfig": "data",
    "DistillationConfig": "distillation",
    "ExperimentConfig": "",
    "MethodConfig": "methods.kd",
    "OptimizerConfig": "distillation.training.optimizer",
    "RecipeConfig": "distillation.training",
    "ScheduleConfig": "distillation.training.schedule",
    "StudentConfig": "student",
    "TeacherConfig": "teacher",
}
FOR_NAMES = {"alpha": "mixup", "area": "random_erasing", "ratio": "grid_mask"}
IN_LISTS = {"area": [0.1, None], "ratio": [0.1, None], "crop_area": [0.1, None]}


def numbers(form: Any, path: tuple[str, ...] = ()) -> Iterator[tuple]:
    """The places of numbers in a JSON schema, each with its own form."""
    if isinstance(form, dict):
        if form.get("type") in ("integer", "number") and "const" not in form:
            yield path, form
        for key, part in form.items():
            yield from numbers(part, (*path, key))
    elif isinstance(form, list):
        for part in form:
            yield from numbers(part, path)


SCHEMA = ExperimentConfig.model_json_schema()
NUMBERS = [
    (section, path[0], path[1:], form)
    for section, part in (
        *SCHEMA["$defs"].items(),
        ("ExperimentConfig", SCHEMA),
    )
    for path, form in numbers(part["properties"])
]


def test_every_number_is_found() -> None:
    assert {section for section, *_ in NUMBERS} == PLACES.keys()
    assert len(NUMBERS) > 40


@pytest.mark.parametrize(
    ("section", "key", "form"),
    [pytest.param(s, k, f, id=f"{s}.{k}") for s, k, _, f in NUMBERS],
)
def test_every_number_has_a_lower_and_an_upper_bound(
    section: str, key: str, form: dict[str, Any]
) -> None:
    assert form.keys() & {"minimum", "exclusiveMinimum"}
    assert form.keys() & {"maximum", "exclusiveMaximum"}


def beyond(form: dict[str, Any]) -> Iterator[float]:
    """Numbers just beyond each bound, and absurd ones."""
    if "exclusiveMinimum" in form:
        yield form["exclusiveMinimum"]
    if "exclusiveMaximum" in form:
        yield form["exclusiveMaximum"]
    if form["type"] == "integer":
        yield form.get("minimum", 0) - 1
        yield form.get("maximum", 0) + 1
        yield from (-(10**30), 10**30)
    else:
        yield math.nextafter(form.get("minimum", 0), -math.inf)
        yield math.nextafter(form.get("maximum", 1), math.inf)
        yield from (-1e300, 1e300, math.nan, math.inf)


@pytest.mark.parametrize(
    ("section", "key", "inside", "form"),
    [
        pytest.param(*number, id=f"{number[0]}.{number[1]}")
        for number in NUMBERS
    ],
)
def test_number_beyond_its_bounds_is_one_message(
    section: str,
    key: str,
    inside: tuple[str, ...],
    form: dict[str, Any],
    write: Write,
) -> None:
    place = f"{PLACES[section]}.{key}".strip(".")
    name = FOR_NAMES.get(key, "rand_augment")
    if key == "probability":
        name = "cutmix"
    path = write(f"{SMALLEST}data: {{augmentations: [{{name: {name}}}]}}\n")
    for number in beyond(form):
        value: Any = number
        if "additionalProperties" in inside:
            value = {"a": number}
        elif "items" in inside:
            value = [
                number if x is None else x for x in IN_LISTS.get(key, [None])
            ]
        written = str(value).replace("nan", ".nan").replace("inf", ".inf")
        with pytest.raises(InputError) as caught:
            load_config(path, [f"{place}={written}"])
        first, *lines = str(caught.value).splitlines()
        assert first.endswith("has 1 mistake:"), lines
        assert lines[0].strip().startswith(place), lines
        assert "Received: " in lines[0] and len(lines[0]) < 400


@pytest.mark.parametrize("section", SECTIONS.values())
def test_reference_shows_the_bounds(section: type[BaseModel]) -> None:
    shown = {key: ranges(section, key) for key in section.model_fields}
    for name, key, _, _ in NUMBERS:
        if name == section.__name__:
            assert " to " in shown[key]
    if section.__name__ == "OptimizerConfig":
        assert shown["momentum"] == "0 to under 1"
        assert shown["learning_rate"] == "1e-12 to 3e+38"


@pytest.mark.parametrize(
    "override",
    [
        "seed=4294967295",
        "data.image_size=8192",
        "distillation.training.epochs=100000",
        "distillation.training.optimizer.learning_rate=3.0e+38",
        "distillation.temperature=0.01",
        "data.mean=[0, 255, 1e-9]",
        "devices=1024",
    ],
)
def test_number_at_its_bound_is_taken(write: Write, override: str) -> None:
    load_config(write(SMALLEST), [override])


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("distillation.training.schedule.warmup_epochs=3", "for 3 epochs of a"),
        ("teacher.training.schedule={warmup_epochs: 20}", "of a training of 3"),
        (
            "methods={kd: {warmup_epochs: 9, training: {epochs: 8}}}",
            "methods: must not have warmup_epochs of kd longer",
        ),
        ("teacher.trainable=['(']", "regular expressions (missing )"),
        (f"name={'n' * 201}", "must have at most 200 bytes"),
        (f"name={'学' * 70}", "must have at most 200 bytes"),
        (f"teacher.weights={'n' * 300}/t.keras", "names of at most 255 bytes"),
        (f"data={{source: npz, path: {'n' * 256}}}", "at most 255 bytes"),
        (f"student.network={'n' * 1001}", "must have at most 1000 characters"),
        (f"teacher=[{'{network: a, weights: w},' * 33}]", "at most 32 entries"),
        (
            f"distillation.training.schedule.milestones={list(range(1, 32))}",
            "must have at most 30 entries",
        ),
    ],
)
def test_other_absurd_settings_are_one_message(
    write: Write, override: str, expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_config(write(SMALLEST), [override])
    assert expected in str(caught.value)
    assert "has 1 mistake" in str(caught.value)


def test_warm_up_may_take_the_whole_training(write: Write) -> None:
    config = load_config(
        write(SMALLEST), ["distillation.training.schedule.warmup_epochs=2"]
    )
    assert config.distillation.training.schedule.warmup_epochs == 2


@pytest.mark.parametrize(
    "name",
    [
        "resnet8x100000",
        "resnet6002",
        f"resnet{'9' * 900}",
        f"resnet8x{'9' * 900}",
    ],
)
def test_absurd_network_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_network_name(name)
    assert len(str(caught.value)) < 1000
