"""Damaged pictures of every format: used, or refused in one message."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atsc_keras.errors import InputError
from atsc_keras.files.pictures import ImageReader, common_form
from tests.picture_files import DAMAGED, forms

WHOLE = [*(content for content, _, _ in forms().values()), *DAMAGED.values()]
SIZE = (5, 7)

# Most of what decides anything stands at the beginning.
places = st.one_of(st.integers(0, 64), st.integers(0, 100_000))
edits = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "cut", "end", "repeat"]),
        places,
        st.binary(min_size=1, max_size=8),
    ),
    max_size=6,
)


def edited(content: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    for kind, place, new in changes:
        place %= len(content) + 1
        before, after = content[:place], content[place:]
        content = {
            "set": before + new + after[len(new) :],
            "insert": before + new + after,
            "cut": before + after[len(new) :],
            "end": before,
            "repeat": before + after[:64] + after,
        }[kind]
    return content


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "picture.png"


@pytest.mark.filterwarnings("ignore")  # Pillow's, of damaged notes
@given(content=st.sampled_from(WHOLE), changes=edits)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_damaged_pictures_are_used_or_refused(
    path: Path, content: bytes, changes: list[tuple[str, int, bytes]]
) -> None:
    path.write_bytes(edited(content, changes))
    try:
        image = ImageReader(SIZE, 3)(path)
        (height, width), channels = common_form([path], None)
        whole = ImageReader(SIZE, channels).whole(path)
    except InputError as error:
        message = str(error)
        assert f"Received: {path}" in message
        assert len(message.splitlines()) == 1
        assert message.endswith((" Replace or remove it.", " save it again."))
    else:
        assert image.shape == (*SIZE, 3)
        assert image.dtype == np.uint8
        assert whole.shape[2] == channels
        if b"eXIf" not in content:  # which may stand behind the pixels
            assert whole.shape[:2] == (height, width)
