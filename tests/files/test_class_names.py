"""Class names that a labels.txt cannot say are refused where they enter."""

import numpy as np
import pytest

from atsc_keras.data.dataset import Dataset
from atsc_keras.errors import InputError
from atsc_keras.files.class_names import check_class_names

# What `str.splitlines` breaks at, and what other readers do.
BREAKS = (
    *("\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85"),
    *("\u2028", "\u2029", "\t", "\0", "\x1b"),
)


def message(names: list[object]) -> str:
    with pytest.raises(InputError) as caught:
        check_class_names(names, "names.json", "Correct it.")
    assert "names.json. Correct it." in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("where", ["{}cat", "house{}cat", "cat{}"])
@pytest.mark.parametrize("character", BREAKS)
def test_names_are_of_one_line(character: str, where: str) -> None:
    name = where.format(character)
    text = message(["dog", name])
    assert f"Received: {name!r}, with a line break" in text
    assert "for class 1 of" in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["cat", "dog", "cat"], "'cat', 2 times, for class 0"),
        (["cat", "cat ", "dog"], "'cat', 2 times, for class 0"),
        (["cat", ""], "'', which is empty, for class 1"),
        (["cat", " \u3000"], "which is empty, for class 1"),
        (["cat", None], "None, a NoneType, for class 1"),
        ([True, False], "True, a bool, for class 0"),
        (["cat", "\ud800"], "with a line break, tab or control character"),
    ],
)
def test_names_are_texts_that_differ(names: list[object], reason: str) -> None:
    assert reason in message(names)


def test_all_that_one_line_can_say_is_a_name() -> None:
    check_class_names(
        ["cat", "Cat", "a cat's house", "öl", "猫", "👩‍🚀", "é", "%!\\n"],
        "names.json",
        "",
    )


def test_arrays_with_such_names_are_refused() -> None:
    images = np.arange(16, dtype="uint8").reshape(4, 2, 2)
    labels = np.arange(4) % 2
    parts = (images, labels, images, labels)
    with pytest.raises(InputError, match="one line"):
        Dataset.from_arrays(*parts, class_names=["cat\n", "dog\n"])
    assert Dataset.from_arrays(*parts, class_names=["cat", "dog"]).class_names
