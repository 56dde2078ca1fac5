"""What is no config is refused at once, however much it promises."""

import os
import time
from pathlib import Path

import pytest

from atsc_keras.config import load_config, load_variants
from atsc_keras.errors import InputError
from tests.config.conftest import SMALLEST, Write


def _anchors(line: str, repeated: str) -> str:
    """Ten anchors, each of ten times what the one before names."""
    lines = [f"a0: &a0 {line}"]
    for number in range(1, 10):
        names = ", ".join([f"*a{number - 1}"] * 10)
        lines.append(f"a{number}: &a{number} {repeated.format(names)}")
    return "\n".join([*lines, SMALLEST])


_LISTS = _anchors("[x, x]", "[{}]")
TOO_MUCH = {
    "lists": (_LISTS, "more than 20000 values"),
    "merges": (_anchors("{k: 1}", "{{<<: [{}]}}"), "more than 20000 values"),
    "keys": ("".join(f"key{i}: 1\n" for i in range(20_000)), "20000 values"),
    "megabytes": ("# a comment\n" * 100_000, "larger than 1048576 bytes"),
    "long text": (f"name: {'n' * 5000}\n{SMALLEST}", "of 5000 characters"),
    "long number": (f"seed: {'9' * 101}\n{SMALLEST}", "of 101 characters"),
    "nested lists": (f"a: {'[' * 100_000}", "deeper than 50 levels"),
    "nested keys": ("".join(f"{' ' * i}a:\n" for i in range(99)), "deeper"),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
@pytest.mark.parametrize("extended", [False, True])
def test_file_of_too_much_is_refused_at_once(
    kind: str, extended: bool, write: Write, tmp_path: Path
) -> None:
    text, expected = TOO_MUCH[kind]
    path = write(text)
    if extended:
        path = tmp_path / "own.yaml"
        path.write_text("extends: digits.yaml\n")
    began = time.process_time()
    with pytest.raises(InputError, match="no more than settings") as caught:
        load_config(path)
    assert time.process_time() - began < 5
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_what_an_anchor_names_may_be_used_again(write: Write) -> None:
    recipe = "{network: resnet8, training: &r {epochs: 3}}"
    config = load_config(
        write(
            f"teacher: {recipe}\n"
            "student: {network: resnet8, training: {<<: *r}}\n"
            "distillation: {training: *r}\n"
        )
    )
    assert config.student.training == config.distillation.training


def test_thousands_of_unknown_keys_are_told_in_a_few_lines(
    write: Write,
) -> None:
    keys = "".join(f"  key{i}: 1\n" for i in range(5000))
    with pytest.raises(InputError) as caught:
        load_config(write(f"{SMALLEST}data:\n{keys}"))
    first, *lines, last = str(caught.value).splitlines()
    assert first.endswith("has 5000 mistakes:")
    assert len(lines) == 20 and last == "  and 4980 more."


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (f"name={'n' * 5000}", "the value has a value of 5000 characters"),
        (f"{'n' * 3000}=1", "unknown key"),
        (f"{'a.' * 5000}b=1", "at most 20 keys by dots"),
        (f"teacher.{'9' * 5000}.network=a", "unknown key"),
        ("seed=!!int ''", "is not YAML"),
        ("seed=!!bool x", "is not YAML"),
        ("seed=!!timestamp x", "is not YAML"),
        ('name="\\ud800"', "is not YAML"),
    ],
)
def test_absurd_override_is_one_short_message(
    write: Write, override: str, expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_config(write(SMALLEST), [override])
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_place_in_a_list_of_thousands_of_digits_is_no_place(
    write: Write,
) -> None:
    teachers = "teacher=[{network: a, weights: w}]"
    place = f"teacher.{'9' * 5000}.network=a"
    with pytest.raises(InputError, match="from teacher.0 to teacher.0"):
        load_config(write(SMALLEST), [teachers, place])


def test_configs_extend_each_other_in_a_bounded_chain(tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml")
    with pytest.raises(InputError, match="at most 20 deep"):
        load_config(tmp_path / "0.yaml")


def test_name_that_no_file_can_have_is_one_message(
    write: Write, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="must exist"):
        load_config(tmp_path / ("n" * 300))
    for name in ("n" * 300, '"a\\0b"'):
        with pytest.raises(InputError, match="extends must exist"):
            load_config(write(f"extends: {name}"))
    with pytest.raises(InputError, match="File name too long"):
        load_variants("n" * 300, write(SMALLEST))


def test_pipe_is_not_waited_for(write: Write, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="not a pipe or device"):
            load_config(path)
        with pytest.raises(InputError, match="not a pipe or device"):
            load_config(write(f"extends: {path}"))
        with pytest.raises(InputError, match="not a pipe or device"):
            load_variants(path, write(SMALLEST))


def test_variants_are_bounded(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "variants.yaml"
    path.write_text("".join(f"v{i}: [seed=1]\n" for i in range(101)))
    with pytest.raises(InputError, match="at most 100 variants. Received: 101"):
        load_variants(path, write(SMALLEST))
